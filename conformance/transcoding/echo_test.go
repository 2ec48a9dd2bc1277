// SPDX-License-Identifier: Apache-2.0

package transcoding_test

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/transcoding/echopb"
)

// echo answers with the request, and the name of the method that it came to. It is the service of both servers.
type echo struct{ echopb.UnimplementedEchoServer }

func answer(method string, in *echopb.Message) (*echopb.Message, error) {
	out := proto.CloneOf(in)
	out.Method = method
	return out, nil
}

func (echo) Get(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Get", in)
}
func (echo) List(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("List", in)
}
func (echo) Number(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Number", in)
}
func (echo) Inner(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Inner", in)
}
func (echo) Shelf(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Shelf", in)
}
func (echo) File(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("File", in)
}
func (echo) Stat(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Stat", in)
}
func (echo) Literal(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Literal", in)
}
func (echo) Verb(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Verb", in)
}
func (echo) Create(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Create", in)
}
func (echo) Replace(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Replace", in)
}
func (echo) Field(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Field", in)
}
func (echo) Patch(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Patch", in)
}
func (echo) Delete(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Delete", in)
}
func (echo) Part(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Part", in)
}
func (echo) Tags(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Tags", in)
}
func (echo) Several(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Several", in)
}
func (echo) Report(_ context.Context, in *echopb.Message) (*echopb.Message, error) {
	return answer("Report", in)
}

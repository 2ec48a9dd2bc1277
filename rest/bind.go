// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/transcode"
)

// input is the body of a request, or the part of it that is one message.
type input struct {
	body        []byte
	format      format
	contentType string // of formatBytes
	boundary    string // of formatForm
	number      int    // of the message in a body of several; 0 for a body of one
}

// String says what an error is about.
func (in input) String() string {
	if in.number > 0 {
		return fmt.Sprintf("message %d of the body", in.number)
	}
	return "the body"
}

// bind makes the request message: from the body first, then the path, whose values win, then the query. An empty body
// sets nothing.
func (r *route) bind(in input, path requestPath, query string) (proto.Message, error) {
	request := r.method.NewRequest()
	if len(in.body) > 0 {
		if err := r.bindBody(in, request); err != nil {
			return nil, err
		}
	}
	return r.complete(in, request, path, query)
}

// complete puts into the request what is not in the body.
func (r *route) complete(in input, request proto.Message, path requestPath, query string) (proto.Message, error) {
	message := request.ProtoReflect()
	for i, v := range r.rule.Template.Variables {
		field := r.rule.Variables[i]
		if err := transcode.SetText(holder(message, field), field.Leaf(), path.variable(r.rule.Template, v)); err != nil {
			return nil, invalid(field.String(), field.String()+" in the path: "+err.Error())
		}
	}
	if query != "" {
		q := queryBinding{route: r, message: message}
		if err := q.bind(query); err != nil {
			return nil, err
		}
	}
	r.setMask(in, message)
	if err := proto.CheckInitialized(request); err != nil {
		return nil, refuse(400, farcall.InvalidArgument, "a required field is missing: %w", err)
	}
	return request, nil
}

// bindBody fills the message, or the field of it that the rule names.
func (r *route) bindBody(in input, request proto.Message) error {
	if in.format == formatJSON || in.format == formatLines {
		return r.bindJSON(in, request)
	}
	target := request
	if singular(r.rule.Body) {
		target = request.ProtoReflect().Mutable(r.rule.Body).Message().Interface()
	}
	switch in.format {
	case formatProtobuf:
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(in.body, target); err != nil {
			return refuse(400, farcall.InvalidArgument, "the body is no encoded %s: %w", target.ProtoReflect().Descriptor().FullName(), err)
		}
		return nil
	case formatBytes:
		setHTTPBody(target.ProtoReflect(), in.contentType, in.body)
		return nil
	case formatForm:
		return r.bindForm(in, request)
	}
	return r.bindJSON(in, request)
}

// holder returns the message that holds the last field of a path, and makes those on the way.
func holder(message protoreflect.Message, path schema.FieldPath) protoreflect.Message {
	for _, field := range path[:len(path)-1] {
		message = message.Mutable(field).Message()
	}
	return message
}

// invalidBody is the refusal of a body, with the field as a detail where it is known.
func invalidBody(in input, err error) error {
	var fault *transcode.Error
	if !errors.As(err, &fault) || fault.Field == "" {
		return refuse(400, farcall.InvalidArgument, "%s: %w", in, err)
	}
	return invalid(fault.Field, in.String()+": "+err.Error())
}

// invalid is the refusal of a value, with the field as a google.rpc.BadRequest.
func invalid(field, message string) error {
	return farcall.NewError(farcall.InvalidArgument, message, &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: message}},
	})
}

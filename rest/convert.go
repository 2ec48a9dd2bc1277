// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/transcode"
)

// converters convert the messages of a route between JSON and bytes. Between bytes and messages there is codec, where a
// message is needed: for a request of which a path or a query has more to say, and by Invokers that know nothing of Raw.
type converters struct {
	request, response *transcode.Converter
	body              *transcode.Converter // of the message that the body is, if that is a field of the request
	types             transcode.Resolver   // of Anys, also in the details of failures
	required          bool                 // somewhere in the request a field must be set (proto2)
}

// newConverters returns those of a route. The request's is of no use if the rule has no body.
func (r *Router) newConverters(added *route) converters {
	options, ok := r.options.ServiceJSON[added.method.Service()]
	if !ok {
		options = r.options.JSON
	}
	if added.method.Kind.ReturnsStream() {
		options.Indent = "" // a message is a line
	}
	request := added.method.NewRequest().ProtoReflect().Descriptor()
	response := added.method.NewResponse().ProtoReflect().Descriptor()
	c := converters{
		request: transcode.New(request, options), response: transcode.New(response, options),
		types:    options.Resolver,
		required: hasRequired(request, make(map[protoreflect.MessageDescriptor]bool)),
	}
	if field := added.rule.Body; field != nil {
		c.request = c.request.Field(field)
		if singular(field) {
			c.body = transcode.New(field.Message(), options)
		}
	}
	if field := added.rule.Answer; field != nil {
		c.response = c.response.Field(field)
	}
	return c
}

// hasRequired reports whether a message or one in it has required fields, or extensions, of which nobody knows.
func hasRequired(message protoreflect.MessageDescriptor, seen map[protoreflect.MessageDescriptor]bool) bool {
	if seen[message] {
		return false
	}
	seen[message] = true
	if message.RequiredNumbers().Len() > 0 || message.ExtensionRanges().Len() > 0 {
		return true
	}
	for i := range message.Fields().Len() {
		if inner := message.Fields().Get(i).Message(); inner != nil && hasRequired(inner, seen) {
			return true
		}
	}
	return false
}

// encodeJSON makes the request's bytes of a body that is JSON, behind so much room, in a buffer that the caller frees.
func (r *route) encodeJSON(in input, room int) (*buffer.Buffer, error) {
	if r.body != nil && string(bytes.TrimSpace(in.body)) == "null" { // it would leave the field unset, but it is no message
		if _, err := r.body.AppendMessage(nil, in.body); err != nil {
			return nil, invalidBody(in, err)
		}
	}
	encoded := buffer.Get(room + len(in.body))
	var err error
	if encoded.B, err = r.request.AppendMessage(encoded.B[:room], in.body); err != nil {
		encoded.Free()
		return nil, invalidBody(in, err)
	}
	return encoded, nil
}

// bindJSON fills the message from a body that is JSON. Fields that are required may be missing.
func (r *route) bindJSON(in input, request proto.Message) error {
	encoded, err := r.encodeJSON(in, 0)
	if err != nil {
		return err
	}
	defer encoded.Free()
	if r.required {
		err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(encoded.B, request)
	} else {
		err = codec.Decode(encoded.B, request)
	}
	if err != nil { // cannot be: it was made a moment ago
		return farcall.Errorf(farcall.Internal, "%s: %w", in, err)
	}
	return nil
}

// bind makes the request of the body, the path and the query: bytes where the body has it all.
func (c *call) bind(in input) (request any, err error) {
	route := c.match.route
	direct := c.router.options.Raw && route.method.Kind == farcall.KindUnary && in.format == formatJSON && c.query == "" &&
		len(route.rule.Template.Variables) == 0 && route.mask == nil && !route.required
	if direct {
		request, err = c.encoded(in)
	} else {
		request, err = route.bind(in, c.match.path, c.query)
	}
	if err == nil {
		err = c.router.fits(in, request)
	}
	if err != nil {
		release(request)
		return nil, err
	}
	return request, nil
}

// fits refuses a message that is larger than one may be, which its text was not: a number of one digit may take ten bytes.
func (r *Router) fits(in input, request any) error {
	size, limit := 0, r.options.MaxBodyBytes
	switch encoded := request.(type) {
	case *farcall.Raw:
		size = len(encoded.Data)
	case *buffer.Buffer:
		size = len(encoded.B) - wire.PrefixBytes
	case proto.Message:
		const growth = 16 // more than any text does
		if len(in.body) <= limit/growth && in.format != formatForm {
			return nil
		}
		size = codec.SizeMessage(encoded)
	}
	if size > limit {
		return refuse(413, farcall.ResourceExhausted, "%s is a message of %d bytes, and %d are accepted here", in, size, limit)
	}
	return nil
}

// newResponse returns what the call is to fill: a *farcall.Raw where only JSON is made of it.
func (c *call) newResponse() any {
	route := c.match.route
	if c.router.options.Raw && !route.answersBytes && c.offer.format != formatProtobuf {
		return new(farcall.Raw)
	}
	return route.method.NewResponse()
}

// appendJSON appends the JSON of the response, or of the field of it that the rule names. A Raw is given back, and so is what
// a nearby Invoker has returned.
func (r *route) appendJSON(dst []byte, response any) ([]byte, error) {
	switch encoded := response.(type) {
	case *farcall.Raw:
		defer encoded.Done()
		return r.response.AppendJSON(dst, encoded.Data)
	case *buffer.Buffer:
		defer encoded.Free()
		return r.response.AppendJSON(dst, encoded.B[wire.PrefixBytes:])
	}
	encoded, err := codec.Encode(response, 0)
	if err != nil {
		return dst, fmt.Errorf("%s cannot be written as JSON: %w", r.response.Descriptor().FullName(), err)
	}
	defer encoded.Free()
	return r.response.AppendJSON(dst, encoded.B)
}

// release gives a response back of which nothing is written.
func release(response any) {
	switch encoded := response.(type) {
	case *farcall.Raw:
		encoded.Done()
	case *buffer.Buffer:
		encoded.Free()
	}
}

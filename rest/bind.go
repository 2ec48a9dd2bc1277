// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/transcode"
)

// bind makes the request message: from the body first, then the path, whose values win, then the query. An empty body
// sets nothing.
func (r *route) bind(body []byte, path requestPath, query string) (proto.Message, error) {
	request := r.method.NewRequest()
	if len(body) > 0 {
		if err := r.bindBody(body, request); err != nil {
			return nil, invalidBody(err)
		}
	}
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
	if err := proto.CheckInitialized(request); err != nil {
		return nil, refuse(400, farcall.InvalidArgument, "a required field is missing: %w", err)
	}
	return request, nil
}

// bindBody fills the message, or the field of it that the rule names.
func (r *route) bindBody(body []byte, request proto.Message) error {
	field := r.rule.Body
	switch {
	case field == nil:
		return transcode.Unmarshal(body, request)
	case field.Message() != nil && !field.IsMap() && !field.IsList():
		return transcode.Unmarshal(body, request.ProtoReflect().Mutable(field).Message().Interface())
	default:
		return transcode.UnmarshalField(body, request, field)
	}
}

// holder returns the message that holds the last field of a path, and makes those on the way.
func holder(message protoreflect.Message, path schema.FieldPath) protoreflect.Message {
	for _, field := range path[:len(path)-1] {
		message = message.Mutable(field).Message()
	}
	return message
}

// invalidBody is the refusal of a body, with the field as a detail where it is known.
func invalidBody(err error) error {
	var fault *transcode.Error
	if !errors.As(err, &fault) || fault.Field == "" {
		return refuse(400, farcall.InvalidArgument, "the body: %w", err)
	}
	return invalid(fault.Field, "the body: "+err.Error())
}

// invalid is the refusal of a value, with the field as a google.rpc.BadRequest.
func invalid(field, message string) error {
	return farcall.NewError(farcall.InvalidArgument, message, &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: message}},
	})
}

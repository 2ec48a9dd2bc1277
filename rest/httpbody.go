// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
)

// The fields of google.api.HttpBody. They are reached by reflection, so that messages of any making will do.
const (
	bodyContentType protoreflect.FieldNumber = 1
	bodyData        protoreflect.FieldNumber = 2
)

func isHTTPBody(message protoreflect.MessageDescriptor) bool {
	return message != nil && message.FullName() == "google.api.HttpBody"
}

// setHTTPBody fills a google.api.HttpBody. data stays the caller's.
func setHTTPBody(message protoreflect.Message, contentType string, data []byte) {
	fields := message.Descriptor().Fields()
	if contentType != "" {
		message.Set(fields.ByNumber(bodyContentType), protoreflect.ValueOfString(strings.ToValidUTF8(contentType, "\ufffd")))
	}
	message.Set(fields.ByNumber(bodyData), protoreflect.ValueOfBytes(bytes.Clone(data)))
}

// httpBody returns the google.api.HttpBody that the response is, or has in the field that the rule names.
func (r *route) httpBody(response proto.Message) (contentType string, data []byte, err error) {
	message := response.ProtoReflect()
	if r.rule.Answer != nil {
		message = message.Get(r.rule.Answer).Message()
	}
	fields := message.Descriptor().Fields()
	contentType = message.Get(fields.ByNumber(bodyContentType)).String()
	if contentType == "" {
		contentType = mediaUnknown
	}
	for i := range len(contentType) { // it becomes a header
		if contentType[i] < ' ' || contentType[i] > '~' {
			return "", nil, farcall.Errorf(farcall.Internal, "the response: the content_type %q cannot be sent: it is not printable ASCII", clip(contentType))
		}
	}
	return contentType, message.Get(fields.ByNumber(bodyData)).Bytes(), nil
}

// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/transcode"
)

// A form (multipart/form-data, RFC 7578) has a part for each field, named as a query parameter would be. A part for a
// field of bytes is its content as it is, one for a google.api.HttpBody has its content-type besides, and one of type
// application/json may give a message or a list; every other part is text.

// bindForm fills the message from a form that is all there.
func (r *route) bindForm(in input, request proto.Message) error {
	q := queryBinding{route: r, message: request.ProtoReflect(), form: true}
	parts := multipart.NewReader(bytes.NewReader(in.body), in.boundary)
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return badForm(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return badForm(err)
		}
		if err := q.setPart(part, content); err != nil {
			return err
		}
	}
}

func badForm(err error) error {
	if own := (*farcall.Error)(nil); errors.As(err, &own) { // of the body, which could not be read
		return err
	}
	if err == io.ErrUnexpectedEOF {
		return refuse(400, farcall.InvalidArgument, "the body is no form: it ends before its last boundary")
	}
	return refuse(400, farcall.InvalidArgument, "the body is no form: %w", err)
}

// setPart gives the field that a part is named after the part's content, which it may keep.
func (q *queryBinding) setPart(part *multipart.Part, content []byte) error {
	name := part.FormName()
	if name == "" {
		return refuse(400, farcall.InvalidArgument, "the form: a part without a name")
	}
	if reason := q.setContent(name, part.Header.Get("Content-Type"), content); reason != "" {
		return invalid(clip(name), fmt.Sprintf("the part %q of the form: %s", clip(name), reason))
	}
	return nil
}

// setContent sets the field; it returns why that cannot be, "" if it was done.
func (q *queryBinding) setContent(name, contentType string, content []byte) (reason string) {
	base, _, hasKey := cutKey(name)
	if hasKey {
		return q.set(name, string(content))
	}
	path, reason := q.resolve(base)
	if reason != "" {
		return reason
	}
	leaf := path.Leaf()
	media, _, _ := mime.ParseMediaType(contentType) // "" if it is malformed
	switch {
	case leaf.Kind() == protoreflect.BytesKind && !leaf.IsMap(), isHTTPBody(leaf.Message()):
		if reason := q.once(path); reason != "" {
			return reason
		}
		addBytes(holder(q.message, path), leaf, contentType, content)
		return ""
	case media == mediaJSON && (leaf.Message() != nil || leaf.IsList()):
		if reason := q.wholeOnce(path); reason != "" {
			return reason
		}
		return setJSON(holder(q.message, path), leaf, content)
	}
	return q.set(name, string(content))
}

// wholeOnce refuses the second value of a field, also of a list that is given as a whole.
func (q *queryBinding) wholeOnce(path schema.FieldPath) (reason string) {
	if holder(q.message, path).Has(path.Leaf()) {
		return "it is given twice"
	}
	return q.once(path)
}

// addBytes gives a field of bytes, or of google.api.HttpBody, its content; a repeated one gets an element more.
func addBytes(message protoreflect.Message, field protoreflect.FieldDescriptor, contentType string, content []byte) {
	value := protoreflect.ValueOfBytes(content)
	if field.Message() != nil {
		if field.IsList() {
			value = message.Mutable(field).List().NewElement()
		} else {
			value = message.NewField(field)
		}
		setHTTPBody(value.Message(), contentType, content)
	}
	if field.IsList() {
		message.Mutable(field).List().Append(value)
		return
	}
	message.Set(field, value)
}

// setJSON gives a field the value of a JSON text.
func setJSON(message protoreflect.Message, field protoreflect.FieldDescriptor, text []byte) (reason string) {
	var err error
	if singular(field) {
		err = transcode.Unmarshal(text, message.Mutable(field).Message().Interface())
	} else {
		alone := message.New()
		if err = transcode.UnmarshalField(text, alone.Interface(), field); err == nil && alone.Has(field) {
			message.Set(field, alone.Get(field))
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// formParts are the messages of a form that is a stream: each portion of a part for a field of bytes, or for a
// google.api.HttpBody, is a message. The parts before it are in its first one; what is behind the last is a message more.
type formParts struct {
	body     *bodyReader
	reader   *contextReader
	parts    *multipart.Reader
	request  proto.Message // that is being filled; nil for none
	fields   queryBinding  // of request
	size     int           // of the texts in request
	part     *multipart.Part
	path     schema.FieldPath // of part
	begun    bool             // a message has bytes of part
	complete bool             // the last part has been read
}

func newFormParts(body *bodyReader) *formParts {
	reader := &contextReader{body: body}
	return &formParts{body: body, reader: reader, parts: multipart.NewReader(reader, body.call.boundary)}
}

// contextReader makes an io.Reader of a body, for the time of one call of next.
type contextReader struct {
	body *bodyReader
	ctx  context.Context
}

func (r *contextReader) Read(p []byte) (int, error) {
	if len(r.body.pending) == 0 {
		if err := r.body.more(r.ctx); err != nil {
			return 0, err
		}
	}
	return copy(p, r.body.take(min(len(p), len(r.body.pending)))), nil
}

func (f *formParts) next(ctx context.Context) (proto.Message, error) {
	f.reader.ctx = ctx
	for {
		if f.request == nil {
			f.begin()
		}
		if f.part != nil {
			if message, err := f.content(); message != nil || err != nil {
				return message, err
			}
			continue
		}
		if f.complete {
			return nil, io.EOF
		}
		if message, err := f.nextPart(); message != nil || err != nil {
			return message, err
		}
	}
}

func (f *formParts) begin() {
	f.request, f.size = f.body.call.match.route.method.NewRequest(), 0
	f.fields = queryBinding{route: f.body.call.match.route, message: f.request.ProtoReflect(), form: true}
}

// nextPart takes a part that is text, or begins one that is bytes. At the end it returns what there is, if anything.
func (f *formParts) nextPart() (proto.Message, error) {
	part, err := f.parts.NextRawPart()
	switch {
	case err == io.EOF:
		f.complete = true
		if f.size == 0 && f.body.count > 0 {
			return nil, nil
		}
		return f.finish()
	case err != nil:
		return nil, badForm(err)
	case part.FormName() == "":
		return nil, refuse(400, farcall.InvalidArgument, "the form: a part without a name")
	}
	name := part.FormName()
	path, reason := f.fields.resolve(name)
	if reason == "" && (path.Leaf().Kind() == protoreflect.BytesKind || isHTTPBody(path.Leaf().Message())) {
		f.part, f.path, f.begun = part, path, false
		return nil, nil
	}
	content, err := io.ReadAll(io.LimitReader(part, int64(f.body.limit-f.size)+1))
	if err != nil {
		return nil, badForm(err)
	}
	if f.size += len(content) + 1; f.size > f.body.limit {
		return nil, f.body.tooLarge()
	}
	return nil, f.fields.setPart(part, content)
}

// content returns a message with a portion of the part, nil at the part's end.
func (f *formParts) content() (proto.Message, error) {
	content := make([]byte, f.body.portion())
	n, ended := 0, false
	for n < len(content) && !ended { // not io.ReadFull, to which a body that is cut off looks like the end of a part
		read, err := f.part.Read(content[n:])
		n += read
		if ended = err == io.EOF; err != nil && !ended {
			return nil, badForm(err)
		}
	}
	contentType := ""
	if !f.begun {
		contentType = f.part.Header.Get("Content-Type")
	}
	part := f.part
	if ended {
		f.part = nil
	}
	if n == 0 && f.begun {
		return nil, nil
	}
	f.begun = true
	if reason := f.fields.once(f.path); reason != "" {
		name := part.FormName()
		return nil, invalid(clip(name), fmt.Sprintf("the part %q of the form: %s", clip(name), reason))
	}
	addBytes(holder(f.request.ProtoReflect(), f.path), f.path.Leaf(), contentType, content[:n:n])
	return f.finish()
}

// finish returns the message that has been filled.
func (f *formParts) finish() (proto.Message, error) {
	message := f.request
	f.request = nil
	return f.body.complete(message)
}

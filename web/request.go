// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// prepare reads the head of the request, and finds the call's method, messages' form and deadline. An error is what the
// call is to be answered with.
func (s *stream) prepare(ctx context.Context) error {
	path, query, _ := strings.Cut(s.head.Get(":path"), "?")
	parsed := s.parse(path, query)
	var deadline time.Time
	if s.request.HasTimeout {
		deadline = time.Now().Add(s.request.Timeout)
	}
	var err error
	if s.method, s.implementation, err = s.handler.options.Find(path); err != nil {
		s.method, s.unknown = &farcall.Method{Path: path}, true
	}
	peer, _ := exchange.PeerFrom(ctx)
	s.call.InitIncoming(ctx, s, farcall.Peer(peer), deadline, s.request.Metadata)
	leftOut := s.handler.LeftOut(s.form.protocol())
	switch {
	case s.form == notACall:
		return s.notAllowed("%s is called by %s")
	case leftOut != nil:
		return leftOut
	case parsed != nil:
		return parsed
	case err != nil:
		return err
	}
	if err := s.checkForm(); err != nil {
		return err
	}
	if err := s.chooseCompression(); err != nil {
		return err
	}
	if s.request.HasTimeout && s.request.Timeout <= 0 {
		return s.overdueError()
	}
	return nil
}

// parse reads the fields of the head.
func (s *stream) parse(path, query string) error {
	switch s.form {
	case notACall:
	case connectGet:
		get, err := parseGet(query)
		if err != nil {
			return err
		}
		s.subtype, s.get = get.codec, get
		head := exchange.Head{}
		for field := range s.head.All {
			if field.Name != "content-encoding" && field.Name != "connect-protocol-version" { // the query has them
				head.Fields = append(head.Fields, field)
			}
		}
		if err := wire.ParseConnect(head, false, &s.request); err != nil {
			return err
		}
		s.request.Encoding = get.compression
	case connectUnary, connectStream:
		if err := wire.ParseConnect(s.head, s.form == connectStream, &s.request); err != nil {
			return err
		}
	default:
		if err := wire.ParseWeb(s.head, &s.request); err != nil {
			return unwrapped(err)
		}
	}
	s.request.Path = path
	return nil
}

// unwrapped returns the failure of a rejected request, whose HTTP status is for gRPC itself.
func unwrapped(err error) error {
	var rejection *wire.Rejection
	if errors.As(err, &rejection) {
		return rejection.Failure
	}
	return err
}

// refusal is a failure of a request that is no call: it is answered in plain HTTP.
type refusal struct {
	status string
	text   string
	fields []exchange.Field
}

// Error returns what the answer says.
func (r *refusal) Error() string { return r.text }

// checkForm makes sure that the method can be called in the form that the request has.
func (s *stream) checkForm() error {
	var known bool
	s.format.Codec, known = s.handler.options.Codecs.Find(s.subtype)
	unary := s.method.Kind == farcall.KindUnary || s.method.NewRequest == nil // a proxy's may be anything
	switch {
	case !s.form.isConnect():
		if !known {
			return wire.UnreadSubtype(s.subtype).Failure
		}
	case s.form == connectStream && s.method.Kind == farcall.KindUnary:
		return s.unsupported(s.handler.acceptPost, "a unary method, and the content-type %q is for streams", s.head.Get("content-type"))
	case s.form != connectStream && !unary:
		return s.unsupported(s.handler.acceptLines, "a method with streams, and the content-type %q is for a single message", s.head.Get("content-type"))
	case s.form == connectGet && s.method.Idempotency != farcall.NoSideEffects:
		return s.notAllowed("%s is called by %s: its .proto does not say that it has no side effects")
	case s.form == connectUnary && !strings.HasPrefix(strings.ToLower(s.head.Get("content-type")), wire.ConnectType), !known || s.subtype == "":
		accepts := s.handler.acceptPost
		if s.form == connectStream {
			accepts = s.handler.acceptLines
		}
		if s.form == connectGet {
			return farcall.Errorf(farcall.InvalidArgument, "the encoding %q is not known here: proto and json are", clip(s.subtype))
		}
		return s.unsupported(accepts, "reached with one of %s, and the content-type is %q: is a gRPC client meant to speak here?",
			accepts, clip(s.head.Get("content-type")))
	}
	return nil
}

// unsupported is the refusal of a content type. The text is plain: a client of Connect would read JSON as an error of a
// call that was made.
func (s *stream) unsupported(accepts, format string, args ...any) error {
	return &refusal{status: "415", text: fmt.Sprintf("%s is "+format, append([]any{s.method}, args...)...),
		fields: []exchange.Field{{Name: "accept-post", Value: accepts}}}
}

// notAllowed is the refusal of an HTTP method.
func (s *stream) notAllowed(format string) error {
	allowed := "POST"
	if s.method.Idempotency == farcall.NoSideEffects && s.method.Kind == farcall.KindUnary {
		allowed = "GET, HEAD, POST"
	}
	return &refusal{status: "405", text: fmt.Sprintf(format, s.method, allowed), fields: []exchange.Field{{Name: "allow", Value: allowed}}}
}

// chooseCompression finds out how the request is compressed, and says how the responses will be.
func (s *stream) chooseCompression() error {
	options := &s.handler.options
	wanted := options.Compression
	s.format.MinCompressBytes = options.MinCompressBytes
	if encoding := s.request.Encoding; encoding != "" {
		s.format.Decompressor = options.Compressors.Find(encoding)
		if s.format.Decompressor == nil {
			s.encodingRefused = true
			if s.form.isConnect() {
				return wire.ConnectUnknownEncoding(encoding, options.Compressors.Names())
			}
			return wire.UnknownEncoding(encoding)
		}
		if wanted == "" {
			wanted = encoding
		}
		if s.request.AcceptEncoding == "" { // who says nothing reads what it sends
			s.request.AcceptEncoding = encoding
		}
	}
	if wanted != "" && s.request.AcceptEncoding != "" {
		s.format.Compressor = options.Compressors.Choose(wanted, s.request.AcceptEncoding)
	}
	return nil
}

// UseCompression makes a handler's choice of the responses' compression; see farcall.Call.
func (s *stream) UseCompression(names string) error {
	if err := s.handler.options.Compressors.Check(names); err != nil {
		return farcall.Errorf(farcall.InvalidArgument, "UseCompression: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != unanswered || s.pending != nil {
		return farcall.Errorf(farcall.FailedPrecondition, "UseCompression of %s comes after its response header: that names the compression", s.method)
	}
	s.format.Compressor = s.handler.options.Compressors.Choose(names, s.request.AcceptEncoding)
	return nil
}

// clip shortens what a client sent so that it can stand in a message.
func clip(value string) string {
	const most = 100
	if len(value) <= most {
		return value
	}
	return value[:most] + "…"
}

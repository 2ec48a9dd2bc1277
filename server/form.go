// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/wire"
)

// form is how the messages of a call are encoded and compressed, as the head of its request says. Calls that say the same
// share one, which is never changed.
type form struct {
	subtype        string // of the content type, for the answer's
	encoding       string // of the request's messages, "" for none
	acceptEncoding string // as the request has it

	call.Format        // of the messages both ways; a handler may have another for its responses
	accepts     string // how the responses may be compressed
	unknown     bool   // the request is compressed in a way that is not known here
}

// noForm is that of calls that are refused before theirs is looked at.
var noForm form

// says reports whether a request says what f is for.
func (f *form) says(request *wire.Request) bool {
	return f.subtype == request.Subtype && f.encoding == request.Encoding && f.acceptEncoding == request.AcceptEncoding
}

// form returns the form that a request asks for, nil if there is no codec for its messages.
func (s *Server) form(request *wire.Request) *form {
	f := &form{subtype: request.Subtype, encoding: request.Encoding, acceptEncoding: request.AcceptEncoding, accepts: request.AcceptEncoding}
	var readable bool
	if f.Codec, readable = s.codecs.Find(request.Subtype); !readable {
		return nil
	}
	f.Protobuf, f.MinCompressBytes = s.options.Protobuf, s.options.MinCompressBytes
	wanted := s.options.Compression
	if f.encoding != "" {
		if f.Decompressor = s.compressors.Find(f.encoding); f.Decompressor == nil {
			f.unknown = true
			return f
		}
		if wanted == "" {
			wanted = f.encoding
		}
		if f.accepts == "" { // who says nothing reads what it sends
			f.accepts = f.encoding
		}
	}
	if wanted != "" && f.accepts != "" {
		f.Compressor = s.compressors.Choose(wanted, f.accepts)
	}
	return f
}

// received returns how the request is compressed, "" for not at all.
func (f *form) received() string {
	if f.Decompressor == nil {
		return ""
	}
	return f.Decompressor.Name()
}

// UseCompression makes a handler's choice of the responses' compression; see farcall.Call.
func (s *stream) UseCompression(names string) error {
	if err := s.server.checkCompression(names); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != unanswered || s.pending != nil {
		return lateCompression(s.method.method)
	}
	own := *s.responses
	own.Compressor = s.server.compressors.Choose(names, s.form.accepts)
	s.responses = &own
	return nil
}

// checkCompression returns an error for names that the server does not know.
func (s *Server) checkCompression(names string) error {
	if err := s.compressors.Check(names); err != nil {
		return farcall.Errorf(farcall.InvalidArgument, "UseCompression: %w", err)
	}
	return nil
}

func lateCompression(method *farcall.Method) error {
	return farcall.Errorf(farcall.FailedPrecondition, "UseCompression of %s comes after its response header: that names the compression", method)
}

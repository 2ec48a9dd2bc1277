// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/buffer"
)

// compressedAnswer compresses an answer that is a stream. responses has the say over its goroutine.
type compressedAnswer struct {
	call   *call
	writer compress.Writer
	out    *buffer.Buffer // what the writer has written and nobody has sent
	held   int            // is reserved
}

// compressAnswer begins to compress the answer with what the client prefers. It returns nil, and the name of no coding, where
// nothing is compressed, which is also where compressed streams hold enough already.
func (c *call) compressAnswer() (*compressedAnswer, string) {
	if c.offer.format == formatBytes { // which may be compressed already
		return nil, ""
	}
	with, ok := c.compressor().(compress.Streamer)
	if !ok {
		return nil, ""
	}
	s := &compressedAnswer{call: c, out: buffer.Get(512)}
	var err error
	if s.writer, err = with.NewWriter(s); err != nil {
		s.out.Free()
		return nil, ""
	}
	if s.held = s.writer.Memory(); !c.router.reserve(s.held) {
		s.held = 0
		s.close()
		return nil, ""
	}
	return s, with.Name()
}

// Write takes what the writer writes.
func (s *compressedAnswer) Write(b []byte) (int, error) {
	s.out.B = append(s.out.B, b...)
	return len(b), nil
}

// send sends some of the answer, so that the client can read it, and the end of it if that is last. It returns how many bytes
// were sent.
func (s *compressedAnswer) send(text []byte, last bool) (int, error) {
	s.out.B = s.out.B[:0]
	_, err := s.writer.Write(text)
	if err == nil && !last {
		err = s.writer.Flush()
	}
	if last {
		if failed := s.writer.Close(); err == nil {
			err = failed
		}
		s.writer = nil
	}
	if err != nil {
		return 0, err
	}
	return len(s.out.B), s.call.x.Send(s.out.B)
}

// close gives back what was held.
func (s *compressedAnswer) close() {
	if s.writer != nil {
		_ = s.writer.Close() // nobody sends what it writes
		s.writer = nil
	}
	s.out.Free()
	s.out = nil
	s.call.router.reserve(-s.held)
	s.held = 0
}

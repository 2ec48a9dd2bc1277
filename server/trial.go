// SPDX-License-Identifier: Apache-2.0

package server

import (
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
)

// A large compressed message is not waited for before its beginning was tried: one that becomes a gigabyte has shown that
// in its first bytes, and costs neither the memory of the rest nor a handler.

// wantsTrial reports whether the next message is tried first.
func wantsTrial(compressed bool, length int) bool { return compressed && length > call.MinTrialBytes }

// onTrial runs when the beginning of a call's only message is there, or the request has ended before.
func onTrial(transport *http2.ServerStream, _ bool) {
	s := transport.User.(*stream)
	s.server.crowd.start(func() { // ends when the trial is over, which waits for its turn as long as the call lasts
		s.gate.Lock() // see onPrefix
		if s.state.Load()&owned != 0 {
			s.gate.Unlock()
			return
		}
		beginning := buffer.Get(call.TrialBytes)
		defer beginning.Free()
		beginning.B = append(beginning.B, transport.Peek(min(transport.Buffered(), call.TrialBytes))...)
		s.gate.Unlock()
		err := s.form.IsBomb(&s.call, beginning.B, s.server.options.MaxReceiveBytes)
		s.gate.Lock()
		defer s.gate.Unlock()
		switch {
		case s.state.Load()&owned != 0:
		case err != nil:
			s.receiveErr = err
			s.start()
		default:
			transport.OnEnd(int(s.length), onWhole, false)
		}
	})
}

// tryMessage tries the beginning of the next message of a stream.
func (s *stream) tryMessage() error {
	if err := s.transport.Want(&s.call, call.TrialBytes); err != nil {
		return nil // whoever waits for the whole message explains it
	}
	return s.form.IsBomb(&s.call, s.transport.Peek(call.TrialBytes), s.server.options.MaxReceiveBytes)
}

// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package http2

import "net"

// socket: without a portable way to read and write without blocking, every connection counts as wrapped.
type socket struct{ under net.Conn }

func newSocket(nc net.Conn) *socket { return &socket{under: nc} }

func (s *socket) wrapped() bool                { return true }
func (s *socket) owes() bool                   { return false }
func (s *socket) tryWrite([]byte) (int, error) { return 0, nil }
func (s *socket) sayGoodbye()                  {}
func (s *socket) dropSpare()                   {}
func (s *socket) await() error                 { return nil }

// write writes a piece of b.
func (s *socket) write(b []byte) (int, error) { return s.under.Write(b[:min(len(b), stallPiece)]) }

func (s *socket) read(*reader, bool) (int, error) { return 0, nil }

func (s *socket) readSealed([]byte) (int, error) { return 0, nil }

func (s *socket) seal(fast, bulk []byte) (first, second []byte, err error) { return fast, bulk, nil }

// closeWrite tells the peer that nothing more will be written, and reports false where there is no way to.
func (s *socket) closeWrite() bool {
	half, ok := s.under.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

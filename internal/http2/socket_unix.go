// SPDX-License-Identifier: Apache-2.0

//go:build unix

package http2

import (
	"io"
	"net"
	"syscall"

	"github.com/farcall/farcall/internal/nonblock"
)

// socket reads and writes a connection without blocking where the connection lets us at its descriptor (TCP, unix
// sockets, TLS over them by way of TLSConn). Others (pipes, a user's wrapper) are wrapped: they are read and written with
// net.Conn's own methods, and only goroutines that may block write them.
//
// The writer uses the write fields, the reader goroutine the read fields; the closures exist so that a call costs no
// allocation.
type socket struct {
	raw   syscall.RawConn // nil if wrapped
	under net.Conn        // what the raw descriptor belongs to; with TLS not the connection that the engine was given
	tls   sealing         // nil in plaintext
	shim  *tlsShim        // of tls

	writing    []byte
	written    int
	writeError error
	writeOnce  func(descriptor uintptr) bool
	writeSome  func(descriptor uintptr) bool
	spare      []byte // ciphertext that was written, to be used again

	reader    *reader
	into      []byte // where the bytes go; nil: into reader's buffer
	readCount int
	readError error
	readOnce  func(descriptor uintptr) bool
	awaitOnce func(descriptor uintptr) bool
	peeked    [1]byte
	looked    bool // since await has begun
	waits     bool // the reader does, if nothing is there
}

func newSocket(nc net.Conn) *socket {
	s := &socket{under: nc}
	secured, isTLS := nc.(sealing)
	if isTLS {
		s.under = secured.taken().Conn
	}
	switch s.under.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := s.under.(syscall.Conn).SyscallConn()
		if err != nil {
			return &socket{under: nc}
		}
		s.raw, s.writeOnce, s.writeSome = raw, s.tryWriteDescriptor, s.writeSomeDescriptor
		s.readOnce, s.awaitOnce = s.tryReadDescriptor, s.awaitDescriptor
	default:
		return &socket{under: nc}
	}
	if isTLS {
		s.tls, s.shim = secured, secured.taken()
		s.shim.socket = s
	}
	return s
}

func (s *socket) wrapped() bool { return s.raw == nil }

// owes reports that there is ciphertext which no writer has asked for.
func (s *socket) owes() bool { return s.tls != nil && s.shim.owes() }

// seal turns what the writer has taken into what it writes: itself in plaintext. The writer owns the result until it
// seals again.
func (s *socket) seal(fast, bulk []byte) (first, second []byte, err error) {
	if s.tls == nil {
		return fast, bulk, nil
	}
	for _, part := range [...][]byte{fast, bulk} {
		if len(part) == 0 {
			continue
		}
		if _, err := s.tls.Write(part); err != nil {
			return nil, nil, err
		}
	}
	sealed := s.shim.fetch(s.spare)
	s.spare = sealed
	if cap(sealed) > bulkBound+keptBuffer {
		s.spare = nil
	}
	return sealed, nil, nil
}

// tryWrite writes what the socket takes without waiting: 0 bytes and no error when it takes none.
func (s *socket) tryWrite(b []byte) (int, error) { return s.writeBy(s.writeOnce, b) }

func (s *socket) writeBy(attempt func(descriptor uintptr) bool, b []byte) (int, error) {
	s.writing, s.written, s.writeError = b, 0, nil
	err := s.raw.Write(attempt)
	s.writing = nil
	if s.writeError != nil {
		err = s.writeError
	}
	return s.written, err
}

// tryWriteDescriptor always answers true: RawConn must not wait.
func (s *socket) tryWriteDescriptor(descriptor uintptr) bool {
	s.written, s.writeError = writeDescriptor(descriptor, s.writing)
	return true
}

// write waits until the socket takes some of b, or for the write deadline. A wrapped connection takes a piece at a time.
func (s *socket) write(b []byte) (int, error) {
	if s.wrapped() {
		return s.under.Write(b[:min(len(b), stallPiece)])
	}
	return s.writeBy(s.writeSome, b)
}

// writeSomeDescriptor answers false, for RawConn to wait, until the socket has taken something.
func (s *socket) writeSomeDescriptor(descriptor uintptr) bool {
	s.written, s.writeError = writeDescriptor(descriptor, s.writing)
	return s.written > 0 || s.writeError != nil
}

func writeDescriptor(descriptor uintptr, b []byte) (written int, err error) {
	for written < len(b) {
		n, err := nonblock.Write(descriptor, b[written:])
		switch {
		case err == syscall.EAGAIN:
			return written, nil
		case err != nil:
			return written, err
		}
		written += n
	}
	return written, nil
}

// dropSpare lets go of the room for ciphertext. There is no writer, and nothing to write.
func (s *socket) dropSpare() {
	if s.tls != nil {
		s.spare = nil
		s.shim.dropRoom()
	}
}

// sayGoodbye sends the alert that ends TLS, if the socket takes it at once. The writer calls it, and writes nothing more.
func (s *socket) sayGoodbye() {
	if s.tls == nil || s.tls.CloseWrite() != nil {
		return
	}
	if last := s.shim.fetch(nil); len(last) > 0 {
		_, _ = s.tryWrite(last)
	}
}

// closeWrite tells the peer that nothing more will be written, and reports false where there is no way to. The writer
// calls it.
func (s *socket) closeWrite() bool {
	s.sayGoodbye()
	half, ok := s.under.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// read waits for bytes and puts them behind those that r holds; without wait it returns errWouldBlock if there are none. It
// tries first and waits then, since readiness is reported once; a reader that is not hot holds no buffer while it waits.
func (s *socket) read(r *reader, wait bool) (int, error) {
	s.reader, s.waits = r, wait
	if s.tls == nil {
		return s.readInto(nil)
	}
	for {
		n, err := s.tls.Read(r.free())
		if err != errWouldBlock {
			return n, err
		}
		r.rest()
		if !wait {
			return 0, errWouldBlock
		}
		if err := s.await(); err != nil {
			return 0, err
		}
	}
}

// await waits until there is something to read, as far as the kernel tells. It takes little of a stack: see Conn.rest.
func (s *socket) await() error {
	s.looked = false
	return s.raw.Read(s.awaitOnce)
}

// awaitDescriptor looks once, since what came before the wait began is not reported, and does not take it.
func (s *socket) awaitDescriptor(descriptor uintptr) bool {
	if s.looked {
		return true
	}
	s.looked = true
	for {
		_, _, err := syscall.Recvfrom(int(descriptor), s.peeked[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}

// readSealed reads ciphertext for crypto/tls. Only a reader that keeps its buffer waits here.
func (s *socket) readSealed(b []byte) (int, error) {
	if s.reader == nil || len(b) == 0 {
		return 0, nil
	}
	return s.readInto(b)
}

func (s *socket) readInto(b []byte) (int, error) {
	s.into, s.readCount, s.readError = b, 0, nil
	err := s.raw.Read(s.readOnce)
	s.into = nil
	if err != nil {
		return 0, err
	}
	return s.readCount, s.readError
}

func (s *socket) tryReadDescriptor(descriptor uintptr) bool {
	b := s.into
	if b == nil {
		b = s.reader.free()
	}
	n, err := nonblock.Read(descriptor, b)
	switch {
	case err == syscall.EAGAIN && s.into == nil:
		s.reader.rest()
		if s.waits {
			return false
		}
		s.readError = errWouldBlock
	case err == syscall.EAGAIN && s.reader.hot:
		return false
	case err == syscall.EAGAIN:
		s.readError = errWouldBlock
	case err != nil:
		s.readError = err
	case n == 0:
		s.readError = io.EOF
	}
	s.readCount = n
	return true
}

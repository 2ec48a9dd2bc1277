// SPDX-License-Identifier: Apache-2.0

//go:build unix

package http2

import (
	"io"
	"net"
	"syscall"
)

// socket reads and writes a connection without blocking where the connection lets us at its descriptor (TCP, unix
// sockets). Others (TLS, pipes, a user's wrapper) are wrapped: they are read and written with net.Conn's own methods, and
// only goroutines that may block write them.
//
// The writer uses the write fields, the reader goroutine the read fields; the closures exist so that a call costs no
// allocation.
type socket struct {
	raw syscall.RawConn // nil if wrapped

	writing    []byte
	written    int
	writeError error
	writeOnce  func(descriptor uintptr) bool

	reader    *reader
	readCount int
	readError error
	readOnce  func(descriptor uintptr) bool
}

func newSocket(nc net.Conn) *socket {
	s := &socket{}
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := nc.(syscall.Conn).SyscallConn()
		if err != nil {
			return s
		}
		s.raw, s.writeOnce, s.readOnce = raw, s.tryWriteDescriptor, s.tryReadDescriptor
	}
	return s
}

func (s *socket) wrapped() bool { return s.raw == nil }

// tryWrite writes what the socket takes without waiting: 0 bytes and no error when it takes none.
func (s *socket) tryWrite(b []byte) (int, error) {
	s.writing, s.written, s.writeError = b, 0, nil
	err := s.raw.Write(s.writeOnce)
	s.writing = nil
	if s.writeError != nil {
		err = s.writeError
	}
	return s.written, err
}

// tryWriteDescriptor always answers true: RawConn must not wait.
func (s *socket) tryWriteDescriptor(descriptor uintptr) bool {
	for len(s.writing) > 0 {
		n, err := syscall.Write(int(descriptor), s.writing)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			s.writeError = err
			return true
		}
		s.written += n
		s.writing = s.writing[n:]
	}
	return true
}

// read waits for bytes and puts them behind those that r holds. It tries first and waits then, since readiness is
// reported once; a reader that is not hot holds no buffer while it waits.
func (s *socket) read(r *reader) (int, error) {
	s.reader, s.readCount, s.readError = r, 0, nil
	if err := s.raw.Read(s.readOnce); err != nil {
		return 0, err
	}
	return s.readCount, s.readError
}

func (s *socket) tryReadDescriptor(descriptor uintptr) bool {
	for {
		n, err := syscall.Read(int(descriptor), s.reader.free())
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			s.reader.rest()
			return false
		case err != nil:
			s.readError = err
		case n == 0:
			s.readError = io.EOF
		}
		s.readCount = max(n, 0)
		return true
	}
}

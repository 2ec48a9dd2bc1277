// SPDX-License-Identifier: Apache-2.0

//go:build unix

package nonblock

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Of returns a reader and writer of the connection that tries first, and waits where that was in vain. Deadlines, and closing,
// are the connection's. One goroutine at a time reads and one writes. A connection whose descriptor is not to be had (TLS, a
// user's wrapper) is returned as it is.
func Of(nc net.Conn) io.ReadWriter {
	switch under := nc.(type) {
	case *net.TCPConn:
		return of(nc, under)
	case *net.UnixConn:
		return of(nc, under)
	}
	return nc
}

func of(nc net.Conn, under syscall.Conn) io.ReadWriter {
	raw, err := under.SyscallConn()
	if err != nil {
		return nc
	}
	c := &conn{nc: nc, raw: raw}
	c.readOnce, c.writeOnce = c.tryRead, c.tryWrite
	return c
}

// conn is what Of returns. The closures exist so that a call costs no allocation.
type conn struct {
	nc  net.Conn
	raw syscall.RawConn

	into      []byte // the reading goroutine's, like what follows
	count     int
	readError error
	readOnce  func(descriptor uintptr) bool

	rest       []byte // the writing goroutine's: not yet written
	writeError error
	writeOnce  func(descriptor uintptr) bool
}

func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.into, c.count, c.readError = b, 0, nil
	err := c.raw.Read(c.readOnce)
	c.into = nil
	if err == nil {
		err = c.readError
	}
	return c.count, err
}

func (c *conn) tryRead(descriptor uintptr) bool {
	n, err := Read(descriptor, c.into)
	switch {
	case err == syscall.EAGAIN:
		return false
	case err != nil:
		c.readError = c.failed("read", err)
	case n == 0:
		c.readError = io.EOF
	}
	c.count = n
	return true
}

func (c *conn) Write(b []byte) (int, error) {
	c.rest, c.writeError = b, nil
	err := c.raw.Write(c.writeOnce)
	written := len(b) - len(c.rest)
	c.rest = nil
	if err == nil {
		err = c.writeError
	}
	return written, err
}

func (c *conn) tryWrite(descriptor uintptr) bool {
	for len(c.rest) > 0 {
		n, err := Write(descriptor, c.rest)
		if err == syscall.EAGAIN {
			return false
		}
		if err != nil {
			c.writeError = c.failed("write", err)
			return true
		}
		c.rest = c.rest[n:]
	}
	return true
}

// failed returns the error as package net would.
func (c *conn) failed(call string, err error) error {
	local := c.nc.LocalAddr()
	return &net.OpError{Op: call, Net: local.Network(), Source: local, Addr: c.nc.RemoteAddr(), Err: os.NewSyscallError(call, err)}
}

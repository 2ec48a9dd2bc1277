// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package http2

import "net"

// socket: without a portable way to read and write without blocking, every connection counts as wrapped.
type socket struct{}

func newSocket(net.Conn) *socket { return &socket{} }

func (s *socket) wrapped() bool                { return true }
func (s *socket) tryWrite([]byte) (int, error) { return 0, nil }
func (s *socket) read(*reader) (int, error)    { return 0, nil }

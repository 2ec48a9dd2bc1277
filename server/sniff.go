// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"net"

	"github.com/farcall/farcall/internal/frame"
)

// sniff reads the first bytes of a connection until they tell HTTP/2, which starts with a fixed preface (RFC 9113 section
// 3.4), from HTTP/1.1. The bytes belong to the one or the other.
func sniff(nc net.Conn) (protocol string, received []byte, err error) {
	received = make([]byte, 0, 512)
	for {
		n, err := nc.Read(received[len(received):cap(received)])
		received = received[:len(received)+n]
		if len(received) >= len(frame.Preface) || !bytes.HasPrefix([]byte(frame.Preface), received) {
			break
		}
		if err != nil {
			return "", nil, err
		}
	}
	if bytes.HasPrefix(received, []byte(frame.Preface)) {
		return protocolHTTP2, received, nil
	}
	return protocolHTTP1, received, nil
}

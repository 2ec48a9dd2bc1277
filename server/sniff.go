// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"crypto/tls"
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

// replayed is a connection whose first bytes were read already and are read again.
type replayed struct {
	net.Conn
	received []byte
	tls      *tls.ConnectionState // what net/http cannot see; nil in plaintext
}

func (r *replayed) Read(b []byte) (int, error) {
	if len(r.received) == 0 {
		return r.Conn.Read(b)
	}
	n := copy(b, r.received)
	r.received = r.received[n:]
	return n, nil
}

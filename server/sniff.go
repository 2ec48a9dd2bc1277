// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"net"

	"github.com/farcall/farcall/internal/frame"
)

// errNeither is for a connection that speaks neither version of HTTP: it is closed without an answer, which its client
// would not understand.
var errNeither = errors.New("the connection begins with neither the HTTP/2 preface nor an HTTP/1.1 request")

// sniff reads the first bytes of a connection until they tell HTTP/2, which starts with a fixed preface (RFC 9113 section
// 3.4), from HTTP/1.1, whose first line says so. The bytes belong to the one or the other.
func sniff(nc net.Conn) (protocol string, received []byte, err error) {
	received = make([]byte, 0, 512)
	for {
		n, err := nc.Read(received[len(received):cap(received)])
		received = received[:len(received)+n]
		switch {
		case bytes.HasPrefix(received, []byte(frame.Preface)):
			return protocolHTTP2, received, nil
		case bytes.HasPrefix([]byte(frame.Preface), received): // so far
		case len(received) == cap(received):
			return protocolHTTP1, received, nil // a long request line: net/http judges it
		default:
			if line, _, whole := bytes.Cut(received, []byte("\n")); whole {
				if bytes.Contains(line, []byte(" HTTP/1.")) {
					return protocolHTTP1, received, nil
				}
				return "", nil, errNeither
			}
		}
		if err != nil {
			return "", nil, err
		}
	}
}

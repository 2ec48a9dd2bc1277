// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/frame"
)

func TestSniff(t *testing.T) {
	for _, c := range []struct{ name, first, want string }{
		{"the preface", frame.Preface + "and more", protocolHTTP2},
		{"a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", protocolHTTP1},
		{"a request that begins like the preface", "PRINT /x HTTP/1.0\r\n\r\n", protocolHTTP1},
		{"a long request line", "GET /" + strings.Repeat("x", 1000) + " HTTP/1.1\r\n\r\n", protocolHTTP1},
		{"another version's preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", ""},
		{"a line that is no request", "INVALID CONNECTION PREFACE\r\n\r\n", ""},
		{"the end before anything is clear", "GET", ""},
	} {
		for _, piece := range []int{1, 7, 4096} {
			near, far := net.Pipe()
			go func() {
				for rest := c.first; rest != ""; {
					n := min(piece, len(rest))
					if _, err := near.Write([]byte(rest[:n])); err != nil {
						break
					}
					rest = rest[n:]
				}
				near.Close()
			}()
			protocol, received, err := sniff(far)
			if protocol != c.want || (err == nil) == (c.want == "") {
				t.Errorf("%s, %d bytes at a time: %q, %v", c.name, piece, protocol, err)
			}
			if err == nil && !strings.HasPrefix(c.first, string(received)) {
				t.Errorf("%s: received %q", c.name, received)
			}
			far.Close()
		}
	}
}

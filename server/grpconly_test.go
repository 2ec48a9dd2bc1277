// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package server_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/farcall/farcall/server"
)

func TestOtherProtocolsAreTurnedAway(t *testing.T) {
	address := runSay(t, server.Options{}, repeat)
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(nc)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 400 ") || !strings.Contains(string(text), "farcall_grpconly") {
		t.Errorf("HTTP/1.1: %q, %v", text, err)
	}
	conn := raw(t, address)
	stream, err := conn.Open(t.Context(), with(requestHead("/"), "content-type", "text/plain"), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if head, err := stream.Head(t.Context()); err != nil || head.Get(":status") != "415" {
		t.Errorf("HTTP/2: %v, %v", head, err)
	}
}

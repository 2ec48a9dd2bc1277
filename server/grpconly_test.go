// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package server_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/server"
)

func TestJSONIsKnownWhereItIsNamed(t *testing.T) {
	conn := raw(t, runSay(t, server.Options{}, repeat))
	head := with(requestHead(say.Path), "content-type", "application/grpc+json")
	body := wire.AppendPrefix(nil, 7)
	body = append(body, `"hello"`...)
	a := ask(t, conn, head, body)
	if got, want := a.status(), `200 12 messages in "application/grpc+json" are not read here`; !strings.HasPrefix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	conn = raw(t, runSay(t, server.Options{Codecs: []codec.Codec{codec.JSON}}, repeat))
	stream, err := conn.Open(t.Context(), head, body, true)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	answer, err := stream.Head(t.Context())
	if _, failed := answer.Lookup("grpc-status"); err != nil || failed || answer.Get("content-type") != "application/grpc+json" {
		t.Errorf("named: %v, %v", answer, err)
	}
}

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

// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/server"
)

// TestABombOfTheWebIsNotWaitedFor is TestABombIsNotWaitedFor for bodies that do not say how long their message is, and over
// HTTP/1.1.
func TestABombOfTheWebIsNotWaitedFor(t *testing.T) {
	address := run(t, register(say, farcall.HandleUnary(repeat), server.Options{}))
	const announced = 1 << 20
	bomb := squeezed(t, strings.Repeat("x", 128<<20), announced)[:100<<10]
	unary := []string{"content-type", "application/proto", "content-encoding", "gzip"}
	web := []string{"content-type", "application/grpc-web+proto", "grpc-encoding", "gzip"}
	for _, c := range []struct {
		fields []string
		body   []byte
		status string
		want   string
	}{
		{unary, bomb[wire.PrefixBytes:], "429", `{"code":"resource_exhausted","message":"received a message of more than 4194304 bytes once it is decompressed`},
		{web, bomb, "200", "grpc-status: 8\r\ngrpc-message: received a message of more than 4194304 bytes once it is decompressed"},
	} {
		head := with(requestHead(say.Path, c.fields[2], c.fields[3]), c.fields[0], c.fields[1])
		s, err := raw(t, address).Open(t.Context(), head, c.body, false)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Want(t.Context(), announced); err != io.EOF {
			t.Fatal(err)
		}
		if status, got := answer.Get(":status"), string(s.Next(s.Buffered())); status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("HTTP/2, %v: %s %q", c.fields, status, got)
		}
		s.Close()
		if c.status == "200" { // net/http has that over HTTP/1.1, and keeps a connection whose request it does not read for a while
			continue
		}

		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nhost: x\r\n%s: %s\r\n%s: %s\r\ncontent-length: %d\r\n\r\n%s",
			say.Path, c.fields[0], c.fields[1], c.fields[2], c.fields[3], announced, c.body); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		nc.Close()
		if err != nil || !strings.HasPrefix(response.Status, c.status) || !strings.Contains(string(body), c.want) {
			t.Errorf("HTTP/1.1, %v: %s %q, %v", c.fields, response.Status, body, err)
		}
	}
}

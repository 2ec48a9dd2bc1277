// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/server"
)

// squeezed is a compressed message behind its prefix, which announces bytes more than there are.
func squeezed(t *testing.T, text string, more int) []byte {
	t.Helper()
	encoded, err := proto.Marshal(wrapperspb.String(text))
	if err != nil {
		t.Fatal(err)
	}
	small, err := compress.Gzip.Compress(nil, encoded)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(small)+more)), small...)
}

// TestABombIsNotWaitedFor sends the first part of a message that becomes more than the limit: the answer comes without the
// rest.
func TestABombIsNotWaitedFor(t *testing.T) {
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	srv.Register(collect, func(_ context.Context, stream farcall.Stream) error {
		return stream.Receive(new(wrapperspb.StringValue))
	})
	address := run(t, srv)
	begun := squeezed(t, strings.Repeat("x", 32<<20), 1<<20)
	for _, path := range []string{say.Path, collect.Path} {
		s, err := raw(t, address).Open(t.Context(), requestHead(path, "grpc-encoding", "gzip"), begun, false)
		if err != nil {
			t.Fatal(err)
		}
		if status := statusOf(t, s); status != "8" {
			t.Errorf("%s: grpc-status %q", path, status)
		}
		s.Close()
	}
}

// statusOf waits for the end of the answer.
func statusOf(t *testing.T, s *http2.ClientStream) string {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status := head.Get("grpc-status"); status != "" {
		return status
	}
	if err := s.Want(t.Context(), 1<<30); err != io.EOF {
		t.Fatal(err)
	}
	for _, field := range s.Trailers() {
		if field.Name == "grpc-status" {
			return field.Value
		}
	}
	return ""
}

// TestLargeCompressedMessagesPassTheirTrial sends one in two parts: the beginning is tried before the rest is there.
func TestLargeCompressedMessagesPassTheirTrial(t *testing.T) {
	text := make([]byte, 300<<10)
	random := rand.NewChaCha8([32]byte{})
	for i := range text {
		text[i] = 'a' + byte(random.Uint64()%26)
	}
	whole := squeezed(t, string(text), 0)
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	srv.Register(chat, func(_ context.Context, stream farcall.Stream) error {
		message := new(wrapperspb.StringValue)
		if err := stream.Receive(message); err != nil {
			return err
		}
		return stream.Send(message)
	})
	address := run(t, srv)
	for _, path := range []string{say.Path, chat.Path} {
		s, err := raw(t, address).Open(t.Context(), requestHead(path, "grpc-encoding", "gzip"), whole[:100<<10], false)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Send(t.Context(), whole[100<<10:], true); err != nil {
			t.Fatal(err)
		}
		if status := statusOf(t, s); status != "0" {
			t.Fatalf("%s: grpc-status %q", path, status)
		}
		body := s.Next(s.Buffered())
		encoded := body[5:]
		if body[0] == 1 {
			encoded, err = compress.Gzip.Decompress(nil, encoded, -1)
		}
		echo := new(wrapperspb.StringValue)
		if err == nil {
			err = proto.Unmarshal(encoded, echo)
		}
		if err != nil || echo.GetValue() != string(text) {
			t.Errorf("%s: %d bytes came back, %v", path, len(echo.GetValue()), err)
		}
		s.Close()
	}
}

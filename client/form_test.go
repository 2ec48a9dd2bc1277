// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/server"
)

// countingGzip is gzip that counts its work.
type countingGzip struct {
	compress.Compressor
	compressed, decompressed atomic.Int32
}

func (c *countingGzip) Compress(dst, data []byte) ([]byte, error) {
	c.compressed.Add(1)
	return c.Compressor.Compress(dst, data)
}

func (c *countingGzip) Decompress(dst, data []byte, limit int) ([]byte, error) {
	c.decompressed.Add(1)
	return c.Compressor.Decompress(dst, data, limit)
}

func same(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return request, nil
}

func TestCompressionBothWays(t *testing.T) {
	long := strings.Repeat("compressible ", 1000)
	for _, c := range []struct {
		name           string
		client, server string
		text           string
		want           [4]int32 // compressed and decompressed by the client, by the server
	}{
		{"off", "", "", long, [4]int32{0, 0, 0, 0}},
		{"requests, and so responses", "gzip", "", long, [4]int32{1, 1, 1, 1}},
		{"requests only", "gzip", "identity", long, [4]int32{1, 0, 0, 1}},
		{"responses only", "", "gzip", long, [4]int32{0, 1, 1, 0}},
		{"small messages are not", "gzip", "gzip", "short", [4]int32{0, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := &countingGzip{Compressor: compress.Gzip}, &countingGzip{Compressor: compress.Gzip}
			address := serveTCP(t, server.Options{Compression: c.server, Compressors: []compress.Compressor{far}}, same)
			conn := dial(t, address, client.Options{Compression: c.client, Compressors: []compress.Compressor{near}})
			got, err := call(t.Context(), conn, c.text)
			if err != nil || got != c.text {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			counted := [4]int32{near.compressed.Load(), near.decompressed.Load(), far.compressed.Load(), far.decompressed.Load()}
			if counted != c.want {
				t.Errorf("compressed and decompressed %v, want %v", counted, c.want)
			}
		})
	}
}

func TestACompressionBombMeetsTheLimit(t *testing.T) {
	bomb := strings.Repeat("0", 2<<20)
	conn := dial(t, serveTCP(t, server.Options{MaxReceiveBytes: 1 << 20}, same), client.Options{Compression: "gzip"})
	if _, err := call(t.Context(), conn, bomb); farcall.CodeOf(err) != farcall.ResourceExhausted || !strings.Contains(err.Error(), "decompressed") {
		t.Errorf("at the server: %v", err)
	}
	conn = dial(t, serveTCP(t, server.Options{}, same), client.Options{Compression: "gzip", MaxReceiveBytes: 1 << 20})
	if _, err := call(t.Context(), conn, bomb); farcall.CodeOf(err) != farcall.ResourceExhausted || !strings.Contains(err.Error(), "decompressed") {
		t.Errorf("at the client: %v", err)
	}
}

func TestUnknownCompressionIsNamed(t *testing.T) {
	if _, err := client.New("127.0.0.1:1", client.Options{Compression: "snappy"}); farcall.CodeOf(err) != farcall.InvalidArgument || !strings.Contains(err.Error(), compress.NewTable().Names()) {
		t.Errorf("New: %v", err)
	}
}

func TestMessagesAsJSON(t *testing.T) {
	var seen atomic.Value
	spy := func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		return next(ctx, &spied{stream, &seen})
	}
	address := serveTCP(t, server.Options{Interceptors: []farcall.Interceptor{spy}, Codecs: []codec.Codec{codec.JSON}}, same)
	conn := dial(t, address, client.Options{Codec: codec.JSON})
	got, err := call(t.Context(), conn, "question")
	if err != nil || got != "question" {
		t.Fatalf("%q, %v", got, err)
	}
	if seen.Load() != `"question"` {
		t.Errorf("the server received %q", seen.Load())
	}
}

// spied notes the bytes of what is received.
type spied struct {
	farcall.Stream
	seen *atomic.Value
}

func (s *spied) Receive(message any) error {
	var raw farcall.Raw
	if err := s.Stream.Receive(&raw); err != nil {
		return err
	}
	defer raw.Done()
	s.seen.Store(string(raw.Data))
	return codec.JSON.Decode(raw.Data, message)
}

// upper is a codec that the server does not know.
type upper struct{ codec.Codec }

func (upper) Name() string { return "upper" }

func TestAnUnknownCodecIsNamed(t *testing.T) {
	conn := dial(t, serveTCP(t, server.Options{}, same), client.Options{Codec: upper{codec.JSON}})
	if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unimplemented || !strings.Contains(err.Error(), "application/grpc+upper") {
		t.Errorf("%v", err)
	}
	conn = dial(t, serveTCP(t, server.Options{Codecs: []codec.Codec{upper{codec.JSON}}}, same), client.Options{Codec: upper{codec.JSON}})
	if got, err := call(t.Context(), conn, "x"); err != nil || got != "x" {
		t.Errorf("with the codec on both sides: %q, %v", got, err)
	}
}

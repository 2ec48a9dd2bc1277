// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// TestBreachesOfServers answers a client's request as no server may.
func TestBreachesOfServers(t *testing.T) {
	ok := func(end bool, more ...string) []byte {
		return headers(1, block(append([]string{":status", "200"}, more...)...), end)
	}
	for _, breach := range []struct {
		name   string
		script []byte
		want   string
	}{
		{"nothing wrong", ok(true), "ignored"},
		{"informational answers first", join(headers(1, block(":status", "103", "link", "x"), false), headers(1, block(":status", "100"), false), ok(true)), "ignored"},
		{"an informational answer that ends", headers(1, block(":status", "100"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"no :status", headers(1, block("a", "b"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":status twice", headers(1, block(":status", "200", ":status", "200"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":status of two digits", headers(1, block(":status", "20"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":status that is no number", headers(1, block(":status", "2x0"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":status below 100", headers(1, block(":status", "099"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":path in an answer", headers(1, block(":status", "200", ":path", "/"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"connection", ok(true, "connection", "close"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"keep-alive", ok(true, "keep-alive", "5"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"proxy-connection", ok(true, "proxy-connection", "close"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"transfer-encoding", ok(true, "transfer-encoding", "chunked"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"upgrade", ok(true, "upgrade", "h2c"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"connection in trailers", join(ok(false), headers(1, block("connection", "close"), true)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"an upper-case name", ok(true, "Server", "x"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"content-length without a body", ok(true, "content-length", "5"), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"content-length 0 without a body", ok(true, "content-length", "0"), "ignored"},
		{"content-length of what 304 does not send", headers(1, block(":status", "304", "content-length", "5"), true), "ignored"},
		{"less DATA than content-length", join(ok(false, "content-length", "5"), frame.AppendData(nil, 1, []byte("x"), true)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"DATA before HEADERS", frame.AppendData(nil, 1, []byte("x"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a pseudo-field in trailers", join(ok(false), headers(1, block(":status", "200"), true)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"trailers without END_STREAM", join(ok(false), headers(1, block("a", "b"), false)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"ENABLE_PUSH 0", frame.AppendSettings(nil, frame.Setting{ID: frame.EnablePush, Value: 0}), "ignored"},
		{"ENABLE_PUSH 1", frame.AppendSettings(nil, frame.Setting{ID: frame.EnablePush, Value: 1}), "GOAWAY PROTOCOL_ERROR"},
		{"PUSH_PROMISE", raw(5, frame.PushPromise, frame.EndHeaders, 1, 0, 0, 0, 2, 0x88), "GOAWAY PROTOCOL_ERROR"},
		{"a stream of the server's", headers(2, block(":status", "200"), true), "GOAWAY PROTOCOL_ERROR"},
		{"a header list above the limit", ok(true, strings.Split(strings.Repeat("a ", 4000)+"a", " ")[:4000]...), "RST_STREAM 1 ENHANCE_YOUR_CALM"},
	} {
		t.Run(breach.name, func(t *testing.T) {
			client, peer := scriptedServer(t, Options{})
			s, err := client.Open(withTimeout(t), postHead, nil, true)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			peer.expect(frame.Headers)
			peer.send(join(breach.script, frame.AppendPing(nil, false, [8]byte{1})))
			if got := peer.verdict(); got != breach.want {
				t.Errorf("answered with %s, want %s", got, breach.want)
			}
		})
	}
}

// The answer to a HEAD may have the length of a body that it does not send.
func TestLengthOfTheAnswerToHEAD(t *testing.T) {
	client, peer := scriptedServer(t, Options{})
	head := exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: "HEAD"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}}}
	s, err := client.Open(withTimeout(t), head, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	peer.expect(frame.Headers)
	peer.send(headers(1, block(":status", "200", "content-length", "5"), true))
	if got, err := s.Head(withTimeout(t)); err != nil || got.Get("content-length") != "5" {
		t.Errorf("got %v, %v", got, err)
	}
}

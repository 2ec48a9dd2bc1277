// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// scripted is a peer that a test plays by hand, frame by frame.
type scripted struct {
	t      *testing.T
	nc     net.Conn
	reader *bufio.Reader
}

func newScripted(t *testing.T, nc net.Conn) *scripted {
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { nc.Close() })
	return &scripted{t: t, nc: nc, reader: bufio.NewReader(nc)}
}

func (p *scripted) send(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next frame.
func (p *scripted) next() (frame.Header, []byte, error) {
	first := make([]byte, frame.HeaderBytes)
	if _, err := io.ReadFull(p.reader, first); err != nil {
		return frame.Header{}, nil, err
	}
	h := frame.ParseHeader(first)
	payload := make([]byte, h.Length)
	_, err := io.ReadFull(p.reader, payload)
	return h, payload, err
}

// verdict reads until the peer answers a breach, and says how: "GOAWAY code", "RST_STREAM id code", or "closed".
func (p *scripted) verdict() string {
	for {
		h, payload, err := p.next()
		if err != nil {
			return "closed"
		}
		switch h.Type {
		case frame.GoAway:
			_, code, _, _ := frame.ParseGoAway(h, payload)
			return fmt.Sprint("GOAWAY ", code)
		case frame.ResetStream:
			code, _ := frame.ParseResetStream(h, payload)
			return fmt.Sprint("RST_STREAM ", h.Stream, " ", code)
		case frame.Ping:
			if h.Flags.Has(frame.Ack) {
				return "ignored" // the script's own ping came back: nothing before it was answered
			}
		}
	}
}

func block(fields ...string) []byte {
	var list []exchange.Field
	for i := 0; i < len(fields); i += 2 {
		list = append(list, exchange.Field{Name: fields[i], Value: fields[i+1]})
	}
	return hpack.NewEncoder(4096).AppendStateless(nil, list)
}

var getBlock = block(":method", "GET", ":scheme", "http", ":authority", "test", ":path", "/")

func headers(stream uint32, b []byte, end bool) []byte {
	return frame.AppendHeaders(nil, stream, b, end, frame.SmallestMaxFrame)
}

func join(parts ...[]byte) (all []byte) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func raw(length int, kind frame.Type, flags frame.Flags, stream uint32, payload ...byte) []byte {
	return append(frame.AppendHeader(nil, frame.Header{Length: length, Type: kind, Flags: flags, Stream: stream}), payload...)
}

// TestBreaches sends a server what no client may, and expects the answer that RFC 9113 demands. A ping ends each script,
// so that what must be ignored is seen to be ignored.
func TestBreaches(t *testing.T) {
	ping := frame.AppendPing(nil, false, [8]byte{1})
	open := headers(1, getBlock, false)
	for _, breach := range []struct {
		name   string
		script []byte
		want   string
	}{
		{"nothing wrong", headers(1, getBlock, true), "ignored"},
		{"a frame above the limit", raw(16385, frame.Data, 0, 1), "GOAWAY FRAME_SIZE_ERROR"},
		{"DATA on stream 0", raw(1, frame.Data, 0, 0, 'x'), "GOAWAY PROTOCOL_ERROR"},
		{"DATA on an idle stream", frame.AppendData(nil, 5, []byte("x"), true), "GOAWAY PROTOCOL_ERROR"},
		{"WINDOW_UPDATE on an idle stream", frame.AppendWindowUpdate(nil, 5, 1), "GOAWAY PROTOCOL_ERROR"},
		{"WINDOW_UPDATE of 0 on an idle stream", frame.AppendWindowUpdate(nil, 5, 0), "GOAWAY PROTOCOL_ERROR"},
		{"PRIORITY of an idle stream on itself", raw(5, frame.Priority, 0, 5, 0, 0, 0, 5, 16), "GOAWAY PROTOCOL_ERROR"},
		{"RST_STREAM on an idle stream", frame.AppendResetStream(nil, 5, frame.Cancel), "GOAWAY PROTOCOL_ERROR"},
		{"an even stream", headers(2, getBlock, true), "GOAWAY PROTOCOL_ERROR"},
		{"a stream opened downwards", join(headers(5, getBlock, false), headers(3, getBlock, true)), "GOAWAY PROTOCOL_ERROR"},
		{"CONTINUATION alone", raw(1, frame.Continuation, frame.EndHeaders, 1, 0x82), "GOAWAY PROTOCOL_ERROR"},
		{"a frame inside a header block", join(raw(1, frame.Headers, 0, 1, 0x82), ping), "GOAWAY PROTOCOL_ERROR"},
		{"an empty CONTINUATION", join(raw(1, frame.Headers, 0, 1, 0x82), raw(0, frame.Continuation, 0, 1)), "GOAWAY ENHANCE_YOUR_CALM"},
		{"a broken header block", headers(1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, true), "GOAWAY COMPRESSION_ERROR"},
		{"PUSH_PROMISE", raw(5, frame.PushPromise, frame.EndHeaders, 1, 0, 0, 0, 2, 0x82), "GOAWAY PROTOCOL_ERROR"},
		{"a window above 2^31-1", frame.AppendWindowUpdate(nil, 0, 1<<31-1), "GOAWAY FLOW_CONTROL_ERROR"},
		{"a stream's window above 2^31-1", join(open, frame.AppendWindowUpdate(nil, 1, 1<<31-1)), "RST_STREAM 1 FLOW_CONTROL_ERROR"},
		{"an increment of 0", frame.AppendWindowUpdate(nil, 0, 0), "GOAWAY PROTOCOL_ERROR"},
		{"SETTINGS of 5 bytes", raw(5, frame.Settings, 0, 0, 0, 0, 0, 0, 0), "GOAWAY FRAME_SIZE_ERROR"},
		{"ENABLE_PUSH 2", frame.AppendSettings(nil, frame.Setting{ID: frame.EnablePush, Value: 2}), "GOAWAY PROTOCOL_ERROR"},
		{"PING on a stream", raw(8, frame.Ping, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), "GOAWAY PROTOCOL_ERROR"},
		{"DATA after END_STREAM", join(headers(1, block(":method", "POST", ":scheme", "http", ":path", "/wait"), true), frame.AppendData(nil, 1, []byte("x"), false)), "RST_STREAM 1 STREAM_CLOSED"},
		{"HEADERS after END_STREAM", join(headers(1, block(":method", "POST", ":scheme", "http", ":path", "/wait"), true), headers(1, getBlock, true)), "RST_STREAM 1 STREAM_CLOSED"},
		{"no :method", headers(1, block(":scheme", "http", ":path", "/"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"no :path", headers(1, block(":method", "GET", ":scheme", "http"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"an empty :path", headers(1, block(":method", "GET", ":scheme", "http", ":path", ""), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":path twice", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", ":path", "/"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"an unknown pseudo-field", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", ":test", "x"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{":status in a request", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", ":status", "200"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a pseudo-field after others", headers(1, block(":method", "GET", ":scheme", "http", "a", "b", ":path", "/"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"an upper-case name", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", "X-A", "b"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a line break in :path", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/x HTTP/1.1\r\na: b"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"NUL in :authority", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a\x00b"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a space in :method", headers(1, block(":method", "GE T", ":scheme", "http", ":path", "/"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"connection", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", "connection", "close"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"te other than trailers", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", "te", "gzip"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a line break in a value", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", "a", "b\r\nc: d"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"more DATA than content-length", join(headers(1, block(":method", "POST", ":scheme", "http", ":path", "/wait", "content-length", "1"), false), frame.AppendData(nil, 1, []byte("xy"), true)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"less DATA than content-length", join(headers(1, block(":method", "POST", ":scheme", "http", ":path", "/wait", "content-length", "3"), false), frame.AppendData(nil, 1, []byte("xy"), true)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"content-length with a sign", headers(1, block(":method", "POST", ":scheme", "http", ":path", "/", "content-length", "+1"), false), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"content-length twice", headers(1, block(":method", "POST", ":scheme", "http", ":path", "/", "content-length", "1", "content-length", "1"), false), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"host that is not :authority", headers(1, block(":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/", "host", "b"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"another host behind :authority's", headers(1, block(":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/", "host", "a", "host", "b"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"another scheme's port", headers(1, block(":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/", "host", "a:443"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"host that is :authority", headers(1, block(":method", "GET", ":scheme", "https", ":authority", "A.test:443", ":path", "/", "host", "a.test"), true), "ignored"},
		{"host alone", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", "host", "a"), true), "ignored"},
		{"CONNECT", headers(1, block(":method", "CONNECT", ":authority", "a:1"), true), "ignored"},
		{"CONNECT with :path", headers(1, block(":method", "CONNECT", ":authority", "a:1", ":path", "/"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"CONNECT with :scheme", headers(1, block(":method", "CONNECT", ":authority", "a:1", ":scheme", "http"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"CONNECT to nowhere", headers(1, block(":method", "CONNECT"), true), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"trailers without END_STREAM", join(open, headers(1, block("a", "b"), false)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a pseudo-field in trailers", join(open, headers(1, block(":path", "/"), true)), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"a header list above the limit", headers(1, block(append([]string{":method", "GET", ":scheme", "http", ":path", "/"}, strings.Split(strings.Repeat("a ", 4000)+"a", " ")[:4000]...)...), true), "RST_STREAM 1 ENHANCE_YOUR_CALM"},
		{"a header block above the limit", headers(1, block(":method", "GET", ":scheme", "http", ":path", "/", "a", strings.Repeat("x", 70<<10)), true), "GOAWAY ENHANCE_YOUR_CALM"},
		{"a stream that depends on itself", raw(6, frame.Headers, frame.EndHeaders|frame.EndStream|frame.HasPriority, 1, 0, 0, 0, 1, 16, 0x82), "RST_STREAM 1 PROTOCOL_ERROR"},
		{"an unknown frame", raw(3, 0x42, 0xff, 9, 1, 2, 3), "ignored"},
		{"an unknown setting", frame.AppendSettings(nil, frame.Setting{ID: 0x99, Value: 7}), "ignored"},
		{"PRIORITY on an idle stream", raw(5, frame.Priority, 0, 9, 0, 0, 0, 1, 16), "ignored"},
	} {
		t.Run(breach.name, func(t *testing.T) {
			clientEnd, serverEnd := modes["tcp"](t)
			peer := newScripted(t, clientEnd)
			failed := make(chan struct{})
			server := NewServer(serverEnd, serveFunc{
				serve: func(s *ServerStream) {
					if s.WantEnd(context.Background(), plenty) == nil && s.Request().Get(":path") != "/wait" {
						s.Answer(okHead, nil, okTrailers)
						return
					}
					<-failed
				},
				ended: func(*ServerStream, error) { close(failed) },
			}, Options{})
			done := make(chan struct{})
			go func() { serve(server); close(done) }()
			t.Cleanup(func() { server.Close(nil); <-done })
			peer.send(join([]byte(frame.Preface), frame.AppendSettings(nil)))
			for { // the server's handshake must not be mistaken for an answer
				if h, _, err := peer.next(); err != nil || h.Type == frame.Settings && h.Flags.Has(frame.Ack) {
					break
				}
			}
			peer.send(join(breach.script, ping))
			if got := peer.verdict(); got != breach.want {
				t.Errorf("answered with %s, want %s", got, breach.want)
			}
		})
	}
}

func TestABadPrefaceIsRefused(t *testing.T) {
	clientEnd, serverEnd := modes["tcp"](t)
	peer := newScripted(t, clientEnd)
	server := NewServer(serverEnd, serveFunc{}, Options{})
	peer.send([]byte("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"))
	err := serve(server)
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != frame.ProtocolError {
		t.Errorf("Serve: %v", err)
	}
}

func TestASlowHandshakeEnds(t *testing.T) {
	for _, first := range []string{"", frame.Preface[:5], frame.Preface} {
		clientEnd, serverEnd := modes["tcp"](t)
		server := NewServer(serverEnd, serveFunc{}, Options{HandshakeTimeout: 10 * time.Millisecond})
		io.WriteString(clientEnd, first)
		if err := serve(server); err == nil {
			t.Error("Serve returned no error")
		}
		clientEnd.Close()
	}
}

// TestMistakenServers checks that a client which dialled something else says so.
func TestMistakenServers(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": "speaks HTTP/1.1",
		"\x15\x03\x01\x00\x02\x02\x46":     "speaks TLS",
		"":                                 "does the server speak HTTP/2",
		"SSH-2.0-OpenSSH_9.2\r\n\r\n":      "does not speak HTTP/2",
	} {
		clientEnd, serverEnd := modes["tcp"](t)
		io.WriteString(serverEnd, answer)
		serverEnd.(*net.TCPConn).CloseWrite()
		_, err := NewClient(context.Background(), clientEnd, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something with %q", answer, err, want)
		}
		serverEnd.Close()
	}
}

// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/web"
)

func newString() proto.Message { return new(wrapperspb.StringValue) }

// echo returns what it receives, and receives to the end.
func echo(_ context.Context, stream farcall.Stream) error {
	for {
		message := new(wrapperspb.StringValue)
		if err := stream.Receive(message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
}

var (
	chat = &farcall.Method{Path: "/test.v1.Echo/Chat", Kind: farcall.KindBidi, NewRequest: newString, NewResponse: newString}
	look = &farcall.Method{Path: "/test.v1.Echo/Look", Idempotency: farcall.NoSideEffects, NewRequest: newString, NewResponse: newString}
)

func find(path string) (*farcall.Method, farcall.Handler, error) {
	for _, method := range []*farcall.Method{chat, look} {
		if method.Path == path {
			return method, echo, nil
		}
	}
	return nil, nil, farcall.Unimplemented
}

const maxReceive = 1000

var handler = web.New(web.Options{
	Find: find, Logger: slog.New(slog.DiscardHandler), Codecs: codec.NewTable(), Compressors: compress.NewTable(), MinCompressBytes: 1, MaxReceiveBytes: maxReceive,
})

// memory is an exchange whose request is there from the beginning, and whose answer is kept.
type memory struct {
	head     exchange.Head
	in       []byte
	answers  int // heads
	status   string
	out      []byte
	ended    bool
	aborted  bool
	trailers []exchange.Field
}

func (m *memory) Request() exchange.Head { return m.head }

func (m *memory) Want(_ context.Context, n int) error {
	if len(m.in) < n {
		return io.EOF
	}
	return nil
}

func (m *memory) WantEnd(_ context.Context, limit int) error {
	if len(m.in) > limit {
		return exchange.ErrTooLong
	}
	return nil
}

func (m *memory) Buffered() int { return len(m.in) }

func (m *memory) Next(n int) []byte {
	taken := m.in[:n]
	m.in = m.in[n:]
	return taken
}

func (m *memory) Into(_ context.Context, dst []byte) (int, error) {
	n := copy(dst, m.in)
	m.in = m.in[n:]
	if n < len(dst) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) Trailers() []exchange.Field { return nil }

func (m *memory) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	_ = m.Start(head)
	_ = m.Send(body)
	return m.Finish(trailers)
}

func (m *memory) Start(head exchange.Head) error {
	m.answers++
	m.status = head.Get(":status")
	return nil
}

func (m *memory) Send(body []byte) error {
	m.out = append(m.out, body...)
	return nil
}

func (m *memory) Finish(trailers []exchange.Field) error {
	m.ended, m.trailers = true, trailers
	return nil
}

func (m *memory) Abort(error) { m.aborted = true }

// serve has a request answered, and checks that it is: once, and to the end.
func serve(t *testing.T, method, path, contentType, encoding string, body []byte) *memory {
	t.Helper()
	m := &memory{in: body, head: exchange.Head{Fields: []exchange.Field{
		{Name: ":method", Value: method}, {Name: ":path", Value: path}, {Name: "content-type", Value: contentType},
		{Name: "connect-content-encoding", Value: encoding}, {Name: "grpc-encoding", Value: encoding},
	}}}
	handler.Serve(t.Context(), m)
	if m.answers != 1 || !m.ended || m.aborted {
		t.Fatalf("%d heads, ended %v, aborted %v", m.answers, m.ended, m.aborted)
	}
	return m
}

// frames takes an answer apart.
func frames(t *testing.T, body []byte) (flags []byte, messages [][]byte) {
	t.Helper()
	for len(body) > 0 {
		if len(body) < 5 || uint64(len(body)-5) < uint64(binary.BigEndian.Uint32(body[1:])) {
			t.Fatalf("the answer is cut off: %q", body)
		}
		end := 5 + int(binary.BigEndian.Uint32(body[1:]))
		flags, messages = append(flags, body[0]), append(messages, body[5:end])
		body = body[end:]
	}
	return flags, messages
}

// Whatever a client sends as messages, each that is answered was sent, and one frame tells how the call went, the last.
func FuzzEnvelopes(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x03\x0a\x01x\x00\x00\x00\x00\x00"), false, "")
	f.Add([]byte("\x01\x00\x00\x00\x03abc"), true, "gzip")
	f.Add([]byte("\x02\x00\x00\x00\x02{}"), true, "")
	f.Add([]byte("\x80\xff\xff\xff\xff"), false, "zstd")
	f.Add([]byte("\x00\x00\x00\x03\xe9"), false, "br")
	f.Fuzz(func(t *testing.T, body []byte, connect bool, encoding string) {
		contentType, last := "application/grpc-web+proto", byte(0x80)
		if connect {
			contentType, last = "application/connect+proto", 2
		}
		sent := bytes.Clone(body)
		answer := serve(t, "POST", chat.Path, contentType, encoding, body)
		if answer.status != "200" {
			t.Fatalf("status %s", answer.status)
		}
		flags, messages := frames(t, answer.out)
		if bytes.IndexByte(flags, last) != len(flags)-1 {
			t.Fatalf("the frames have the flags %v", flags)
		}
		if len(messages) > 1 && len(sent) < 5*(len(messages)-1) {
			t.Errorf("%d messages came of %d bytes", len(messages)-1, len(sent))
		}
		if text := base64.StdEncoding.EncodeToString(sent); !connect {
			again := serve(t, "POST", chat.Path, "application/grpc-web-text+proto", encoding, []byte(text))
			var decoded []byte
			for piece := range pieces(again.out) {
				decoded, _ = base64.StdEncoding.AppendDecode(decoded, piece)
			}
			if !bytes.Equal(decoded, answer.out) {
				t.Errorf("in text the answer is %q, otherwise %q", decoded, answer.out)
			}
		}
	})
}

// pieces yields the pieces of base64 that were padded for themselves.
func pieces(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			end := len(text)
			if padding := bytes.IndexByte(text, '='); padding >= 0 {
				end = padding/4*4 + 4
			}
			if !yield(text[:end]) {
				return
			}
			text = text[end:]
		}
	}
}

func FuzzTextOfTheWeb(f *testing.F) {
	f.Add("AAAAAAA=")
	f.Add("AAAAAA==A3h4eA==")
	f.Add("AAA=\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		answer := serve(t, "POST", chat.Path, "application/grpc-web-text", "", []byte(text))
		if !strings.HasPrefix(string(answer.out), "gAAA") && !strings.HasPrefix(string(answer.out), "AAAA") {
			t.Errorf("the answer is %q", answer.out)
		}
	})
}

// Whatever a query says, it is answered, and only a message that was understood comes back.
func FuzzGet(f *testing.F) {
	f.Add("encoding=json&message=%22x%22")
	f.Add("encoding=proto&base64=1&message=CgF4&connect=v1&compression=identity")
	f.Add("encoding=proto&message=%")
	f.Add("compression=gzip&encoding=json&message=x&&=&a")
	f.Fuzz(func(t *testing.T, query string) {
		answer := serve(t, "GET", look.Path+"?"+query, "", "", nil)
		status, err := strconv.Atoi(answer.status)
		if err != nil || status != 200 && status < 400 {
			t.Errorf("status %s", answer.status)
		}
	})
}

func TestSpeaks(t *testing.T) {
	for _, c := range []struct {
		method, path, contentType string
		known, want               bool
		protocol                  web.Protocol
	}{
		{"POST", "/a.B/C", "application/json", true, true, web.Connect},
		{"POST", "/a.B/C", "application/json", false, false, web.Connect},
		{"POST", "/a.B/C", "application/connect+json", false, true, web.Connect},
		{"POST", "/a.B/C", "application/grpc-web-text", false, true, web.GRPCWeb},
		{"POST", "/a.B/C", "application/grpc+proto", false, true, web.GRPC},
		{"GET", "/a.B/C", "", true, false, web.Connect},
		{"GET", "/a.B/C?encoding=json&message=1", "", true, true, web.Connect},
		{"GET", "/a.B/C?encoding=json&message=1", "", false, false, web.Connect},
		{"PUT", "/a.B/C", "application/connect+json", true, false, web.Connect},
	} {
		head := exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: c.method}, {Name: ":path", Value: c.path}, {Name: "content-type", Value: c.contentType}}}
		if protocol, got := web.Speaks(head, c.known); got != c.want || got && protocol != c.protocol {
			t.Errorf("%s %s %s, known %v: %v, %v", c.method, c.path, c.contentType, c.known, got, protocol)
		}
	}
}

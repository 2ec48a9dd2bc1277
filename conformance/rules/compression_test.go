// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// work is what one end has compressed and decompressed: how many messages, by compressor.
type work struct {
	mu   sync.Mutex
	done map[string]int
}

func (w *work) add(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == nil {
		w.done = map[string]int{}
	}
	w.done[what]++
}

// taken returns the work as text, and forgets it.
func (w *work) taken() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := strings.TrimPrefix(fmt.Sprint(w.done), "map")
	w.done = nil
	return text
}

// compressors are the built-in ones, which tell of their work.
func (w *work) compressors() []compress.Compressor {
	return []compress.Compressor{telling{compress.Gzip, w}, telling{compress.Zstd, w}}
}

type telling struct {
	compress.Compressor
	work *work
}

func (c telling) Compress(dst, data []byte) ([]byte, error) {
	c.work.add(c.Name())
	return c.Compressor.Compress(dst, data)
}

func (c telling) Decompress(dst, data []byte, limit int) ([]byte, error) {
	large, err := c.Compressor.Decompress(dst, data, limit)
	if err == nil { // a large message is first tried with less room than it needs
		c.work.add("un" + c.Name())
	}
	return large, err
}

// telling returns settings whose ends tell the two works of what they compress.
func tellingSettings(near, far *work) settings {
	return settings{
		client: client.Options{Compressors: near.compressors()},
		server: server.Options{Compressors: far.compressors()},
	}
}

func large(number int64) *rulespb.Item {
	return &rulespb.Item{Number: number, Text: strings.Repeat("compressible ", 1000)}
}

// larges yields large messages; before each it says what the odd ones are.
func larges(n int64, odd func(bool)) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for number := range n {
			odd(number%2 == 1)
			if !yield(large(number), nil) {
				return
			}
		}
	}
}

// switching is a service that answers each request with a large message, or five, of which the odd ones are not compressed.
func switching(use string) *service {
	start := func(ctx context.Context) (*farcall.Call, error) {
		call := farcall.IncomingCall(ctx)
		if use == "" {
			return call, nil
		}
		return call, call.UseCompression(use)
	}
	five := func(ctx context.Context) iter.Seq2[*rulespb.Item, error] {
		call, err := start(ctx)
		if err != nil {
			return items(err)
		}
		return larges(5, func(odd bool) { call.Compress(!odd) })
	}
	drain := func(in iter.Seq2[*rulespb.Item, error]) (failure error) {
		for _, err := range in {
			failure = err
		}
		return failure
	}
	return &service{
		get: func(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) {
			call, err := start(ctx)
			if err != nil {
				return nil, err
			}
			call.Compress(request.GetNumber() == 0)
			return large(request.GetNumber()), nil
		},
		list: func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] { return five(ctx) },
		collect: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
			if _, err := start(ctx); err != nil {
				return nil, err
			}
			return large(4), drain(in)
		},
		talk: func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
			if err := drain(in); err != nil {
				return items(err)
			}
			return five(ctx)
		},
	}
}

// Each message says whether it is compressed, on both ends and in every kind of call; in this process there is nothing to
// compress, and the same code runs.
func TestCompressionPerMessage(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		near, far := &work{}, &work{}
		with := tellingSettings(near, far)
		with.client.Compression = "gzip"
		rules := m.start(t, switching(""), with)
		check := func(kind, wantNear, wantFar string) {
			t.Helper()
			if !m.wire {
				wantNear, wantFar = "[]", "[]"
			}
			if gotNear, gotFar := near.taken(), far.taken(); gotNear != wantNear || gotFar != wantFar {
				t.Errorf("%s: the caller's end did %s, want %s, and the other %s, want %s", kind, gotNear, wantNear, gotFar, wantFar)
			}
		}
		for number, want := range []string{"[gzip:1 ungzip:1]", "[]"} {
			ctx, call := farcall.NewCall(t.Context())
			call.Compress(number == 0)
			message, err := rules.Get(ctx, large(int64(number)))
			one(t, message, err).want(t, farcall.OK, int64(number))
			check("get", want, want)
		}
		all(t, rules.List(t.Context(), item(1))).want(t, farcall.OK, 0, 1, 2, 3, 4)
		check("list, whose request is small", "[ungzip:3]", "[gzip:3]")

		ctx, call := farcall.NewCall(t.Context())
		message, err := rules.Collect(ctx, larges(5, func(odd bool) { call.Compress(odd) }))
		one(t, message, err).want(t, farcall.OK, 4)
		check("collect", "[gzip:2 ungzip:1]", "[gzip:1 ungzip:2]")

		ctx, call = farcall.NewCall(t.Context())
		all(t, rules.Talk(ctx, larges(5, func(odd bool) { call.Compress(odd) }))).want(t, farcall.OK, 0, 1, 2, 3, 4)
		check("talk", "[gzip:2 ungzip:3]", "[gzip:3 ungzip:2]")

		talk, err := rulespb.OpenRulesTalk(t.Context(), rules.via)
		if err != nil {
			t.Fatal(err)
		}
		defer talk.Close()
		for number := range int64(5) {
			talk.Compress(number == 0)
			if err := talk.Send(large(number)); err != nil {
				t.Fatal(err)
			}
		}
		if err := talk.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = talk.Receive()
		}
		wantEOF(t, err)
		check("open talk", "[gzip:1 ungzip:3]", "[gzip:3 ungzip:1]")
	})
}

// One call of a connection may be compressed differently from the others, and so may its answer.
func TestCompressionPerCall(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		for _, c := range []struct {
			options, context, server, handler string
			near, far                         string // of a call of Get
		}{
			{"gzip", "zstd", "", "", "[unzstd:1 zstd:1]", "[unzstd:1 zstd:1]"},
			{"gzip", "identity", "", "", "[]", "[]"},
			{"", "gzip", "", "", "[gzip:1 ungzip:1]", "[gzip:1 ungzip:1]"},
			{"gzip", "", "", "identity", "[gzip:1]", "[ungzip:1]"},
			{"gzip", "", "identity", "zstd,gzip", "[gzip:1 unzstd:1]", "[ungzip:1 zstd:1]"},
			{"", "", "zstd, gzip", "", "[unzstd:1]", "[zstd:1]"},
			{"", "", "", "gzip", "[ungzip:1]", "[gzip:1]"},
		} {
			near, far := &work{}, &work{}
			with := tellingSettings(near, far)
			with.client.Compression, with.server.Compression = c.options, c.server
			rules := m.start(t, switching(c.handler), with)
			ctx := t.Context()
			if c.context != "" {
				ctx = farcall.WithCompression(ctx, c.context)
			}
			// What comes later in a context does not take it away.
			ctx, _ = farcall.NewCall(farcall.WithMetadata(ctx, "key", "value"))
			message, err := rules.Get(ctx, large(0))
			one(t, message, err).want(t, farcall.OK, 0)
			if !m.wire {
				c.near, c.far = "[]", "[]"
			}
			if gotNear, gotFar := near.taken(), far.taken(); gotNear != c.near || gotFar != c.far {
				t.Errorf("%+v: the caller's end did %s, and the other %s", c, gotNear, gotFar)
			}
		}
	})
}

// A caller says which compressions it reads, and is answered in those only, also where its own request had another.
func TestAcceptedCompression(t *testing.T) {
	for _, c := range []struct{ accept, server, near string }{
		{"identity", "", "[gzip:1]"},
		{"identity", "zstd,gzip", "[gzip:1]"},
		{"zstd", "", "[gzip:1]"},
		{"zstd,identity", "gzip,zstd", "[gzip:1 unzstd:1]"},
		{"", "zstd", "[gzip:1 unzstd:1]"},
	} {
		near, far := &work{}, &work{}
		with := tellingSettings(near, far)
		with.client.Compression, with.client.AcceptCompression, with.server.Compression = "gzip", c.accept, c.server
		rules := modes[0].start(t, switching(""), with)
		message, err := rules.Get(t.Context(), large(0))
		one(t, message, err).want(t, farcall.OK, 0)
		if got := near.taken(); got != c.near {
			t.Errorf("%+v: the caller's end did %s", c, got)
		}
	}
}

// Small messages, and those that compressing makes no smaller, go as they are.
func TestWhatIsNotWorthCompressing(t *testing.T) {
	noise := make([]byte, 4<<10)
	rand.Read(noise)
	for _, c := range []struct {
		smallest  int
		request   *rulespb.Item
		near, far string
	}{
		{0, &rulespb.Item{Text: strings.Repeat("x", 1000)}, "[]", "[]"},
		{0, &rulespb.Item{Text: strings.Repeat("x", 1024)}, "[gzip:1 ungzip:1]", "[gzip:1 ungzip:1]"},
		{100, &rulespb.Item{Text: strings.Repeat("x", 100)}, "[gzip:1 ungzip:1]", "[gzip:1 ungzip:1]"},
		{-1, &rulespb.Item{Text: strings.Repeat("x", 90)}, "[gzip:1 ungzip:1]", "[gzip:1 ungzip:1]"},
		{-1, &rulespb.Item{}, "[gzip:1]", "[gzip:1]"},              // was tried, and got longer
		{0, &rulespb.Item{Payload: noise}, "[gzip:1]", "[gzip:1]"}, // likewise
		{1 << 20, large(0), "[]", "[]"},
	} {
		near, far := &work{}, &work{}
		with := tellingSettings(near, far)
		with.client.Compression = "gzip"
		with.client.MinCompressBytes, with.server.MinCompressBytes = c.smallest, c.smallest
		rules := modes[0].start(t, echo(), with)
		message, err := rules.Get(t.Context(), c.request)
		one(t, message, err).want(t, farcall.OK, 0)
		if gotNear, gotFar := near.taken(), far.taken(); gotNear != c.near || gotFar != c.far {
			t.Errorf("from %d, %d bytes: the caller's end did %s, and the other %s", c.smallest, len(c.request.GetText()), gotNear, gotFar)
		}
	}
}

// A bomb costs its limit and no more, on either end, in a stream as in a unary call.
func TestCompressionBombs(t *testing.T) {
	bomb := &rulespb.Item{Text: strings.Repeat("0", 3<<20)}
	for _, name := range []string{"gzip", "zstd"} {
		for _, end := range []string{"server", "client"} {
			with := settings{client: client.Options{Compression: name}}
			if end == "server" {
				with.server.MaxReceiveBytes = 1 << 20
			} else {
				with.client.MaxReceiveBytes = 1 << 20
			}
			rules := modes[0].start(t, echo(), with)
			_, err := rules.Get(t.Context(), bomb)
			wantBomb(t, name+" at the "+end, err)
			got := all(t, rules.Talk(t.Context(), func(yield func(*rulespb.Item, error) bool) {
				_ = yield(item(1), nil) && yield(bomb, nil)
			}))
			wantBomb(t, name+" at the "+end+" of a stream", got.err)
		}
	}
}

func wantBomb(t *testing.T, what string, err error) {
	t.Helper()
	wantCode(t, err, farcall.ResourceExhausted)
	if err != nil && !strings.Contains(err.Error(), "once it is decompressed") {
		t.Errorf("%s: %v", what, err)
	}
}

// Mistakes with names and times are told, in this process as over a wire.
func TestCompressionMistakes(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		var late error
		with := settings{}
		with.client.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
			if stream.RequestHeader().Get("by") == "interceptor" {
				ctx = farcall.WithCompression(ctx, "brotli")
			}
			return next(ctx, stream)
		}}
		unknown := switching("gzip,snappy")
		unknown.list = func(ctx context.Context, _ *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
			return func(yield func(*rulespb.Item, error) bool) {
				if yield(item(1), nil) {
					late = farcall.IncomingCall(ctx).UseCompression("gzip")
				}
			}
		}
		rules := m.start(t, unknown, with)
		_, err := rules.Get(t.Context(), item(1))
		wantCode(t, err, farcall.InvalidArgument)
		if err == nil || !strings.Contains(err.Error(), `"snappy" is not known: there are gzip,zstd,identity`) {
			t.Errorf("a handler's unknown name: %v", err)
		}
		all(t, rules.Talk(t.Context(), items(nil, 1))).want(t, farcall.InvalidArgument)
		all(t, rules.List(t.Context(), item(1))).want(t, farcall.OK, 1)
		wantCode(t, late, farcall.FailedPrecondition)
		if !m.wire {
			return
		}
		for what, ctx := range map[string]context.Context{
			"snappy": farcall.WithCompression(t.Context(), "snappy"),
			"brotli": farcall.WithMetadata(t.Context(), "by", "interceptor"),
		} {
			_, err := rules.Get(ctx, item(1))
			wantCode(t, err, farcall.InvalidArgument)
			if err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("a caller's unknown name %q: %v", what, err)
			}
			got := all(t, rules.Talk(ctx, items(nil, 1)))
			wantCode(t, got.err, farcall.InvalidArgument)
		}
	})
	_, call := farcall.NewCall(t.Context())
	wantCode(t, call.UseCompression("gzip"), farcall.FailedPrecondition)
	srv := server.New(server.Options{Compression: "gzip,snappy"})
	if err := srv.ListenAndServe("127.0.0.1:0"); farcall.CodeOf(err) != farcall.InvalidArgument || !strings.Contains(err.Error(), "snappy") {
		t.Errorf("a server whose options name an unknown compression: %v", err)
	}
	if _, err := client.New("127.0.0.1:1", client.Options{AcceptCompression: "gzip,snappy"}); farcall.CodeOf(err) != farcall.InvalidArgument {
		t.Errorf("a client that accepts an unknown compression: %v", err)
	}
}

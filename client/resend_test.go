// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
	"github.com/farcall/farcall/server"
)

func methodOf(kind farcall.Kind) *farcall.Method {
	return &farcall.Method{Path: fmt.Sprintf("/test.v1.Echo/Kind%d", kind), Kind: kind, NewRequest: newString, NewResponse: newString}
}

var streamingKinds = map[string]farcall.Kind{
	"server streaming": farcall.KindServerStream, "client streaming": farcall.KindClientStream, "two-way": farcall.KindBidi,
}

// texts takes messages of say apart.
func texts(t *testing.T, body []byte) (list []string) {
	for len(body) >= 5 {
		length := int(body[1])<<24 | int(body[2])<<16 | int(body[3])<<8 | int(body[4])
		got := new(wrapperspb.StringValue)
		if body[0] != 0 || len(body) < 5+length || proto.Unmarshal(body[5:5+length], got) != nil {
			break
		}
		list, body = append(list, got.GetValue()), body[5+length:]
	}
	if len(body) > 0 {
		t.Errorf("%d bytes that are no message", len(body))
	}
	return list
}

// listing answers a request that has come whole with one message that lists the texts of its messages, in the protocol that it
// has come in.
func listing(t *testing.T) script {
	return func(stream *http2.ServerStream) {
		if stream.WantEnd(context.Background(), 64<<20) != nil {
			return
		}
		body, contentType := stream.Next(stream.Buffered()), stream.Request().Get("content-type")
		if contentType == "application/proto" {
			body = append(wire.AppendPrefix(nil, len(body)), body...)
		}
		got := strings.Join(texts(t, body), ",")
		answer := message(fmt.Sprintf("%.20q of %d", got, len(got)))
		var trailers []exchange.Field
		switch end := fields("grpc-status", "0"); {
		case contentType == "application/proto":
			answer = answer[wire.PrefixBytes:]
		case strings.HasPrefix(contentType, "application/connect+"):
			answer = append(answer, "\x02\x00\x00\x00\x02{}"...)
		case strings.HasPrefix(contentType, "application/grpc-web"):
			answer = wire.AppendWebTrailers(answer, end)
		default:
			trailers = end
		}
		_ = stream.Answer(headLike(stream), answer, trailers)
	}
}

// headLike is the head of a proper answer in the form that the request has.
func headLike(stream *http2.ServerStream) exchange.Head {
	return exchange.Head{Fields: fields(":status", "200", "content-type", stream.Request().Get("content-type"))}
}

// converse makes a call that sends texts, as many as the kind sends, and returns what comes of it. With apart, another
// goroutine sends.
func converse(ctx context.Context, via farcall.Invoker, kind farcall.Kind, apart bool, texts ...string) (answers []string, err error) {
	if !kind.SendsStream() {
		texts = texts[:1]
	}
	err = via.Stream(ctx, methodOf(kind), func(_ context.Context, stream farcall.Stream) error {
		var sending sync.WaitGroup
		defer sending.Wait()
		send := func() {
			for _, text := range texts {
				if stream.Send(wrapperspb.String(text)) != nil {
					return
				}
			}
			_ = stream.CloseSend() // Receive says how the call ended
		}
		if apart {
			sending.Go(send)
		} else {
			send()
		}
		for {
			got := new(wrapperspb.StringValue)
			if err := stream.Receive(got); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			answers = append(answers, got.GetValue())
		}
	})
	return answers, err
}

// overHTTP2 are the protocols whose attempts are made again.
var overHTTP2 = map[string]client.Options{"gRPC": {}, "gRPC-Web": {Protocol: client.GRPCWeb}, "Connect": {Protocol: client.Connect}}

// everyStream runs test for each protocol and kind of stream, sent by the goroutine that receives and, for a two-way call,
// also by another.
func everyStream(t *testing.T, test func(t *testing.T, options client.Options, kind farcall.Kind, apart bool)) {
	for protocol, options := range overHTTP2 {
		for name, kind := range streamingKinds {
			t.Run(protocol+", "+name, func(t *testing.T) { test(t, options, kind, false) })
		}
		t.Run(protocol+", unary", func(t *testing.T) { test(t, options, farcall.KindUnary, false) })
		t.Run(protocol+", two-way from two goroutines", func(t *testing.T) { test(t, options, farcall.KindBidi, true) })
	}
}

// A stream that the server refuses is opened again with all that was sent, whenever the refusal comes.
func TestARefusedStreamIsSentAgain(t *testing.T) {
	moments := map[string]func(stream *http2.ServerStream){
		"at once":             func(*http2.ServerStream) {},
		"with something read": func(stream *http2.ServerStream) { _ = stream.Want(context.Background(), 1) },
		"with all of it read": func(stream *http2.ServerStream) { _ = stream.WantEnd(context.Background(), 1<<20) },
	}
	for name, moment := range moments {
		t.Run(name, func(t *testing.T) {
			everyStream(t, func(t *testing.T, options client.Options, kind farcall.Kind, apart bool) {
				for range 20 { // the refusal meets the messages at different moments
					var attempts atomic.Int32
					conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
						if attempts.Add(1) == 1 {
							moment(stream)
							stream.Reset(frame.RefusedStream)
							return
						}
						listing(t)(stream)
					}), options)
					want := `"a,b,c,d" of 7`
					if !kind.SendsStream() {
						want = `"a" of 1`
					}
					got, err := converse(t.Context(), conn, kind, apart, "a", "b", "c", "d")
					if err != nil || len(got) != 1 || got[0] != want {
						t.Fatalf("got %q, %v, want %s", got, err, want)
					}
					if n := attempts.Load(); n != 2 {
						t.Fatalf("%d attempts", n)
					}
					conn.Close()
				}
			})
		})
	}
}

// A second refusal is the call's outcome (grpc/proposal A6).
func TestAStreamIsRefusedTwice(t *testing.T) {
	everyStream(t, func(t *testing.T, options client.Options, kind farcall.Kind, apart bool) {
		var attempts atomic.Int32
		conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
			attempts.Add(1)
			stream.Reset(frame.RefusedStream)
		}), options)
		got, err := converse(t.Context(), conn, kind, apart, "a", "b")
		if farcall.CodeOf(err) != farcall.Unavailable || len(got) > 0 {
			t.Errorf("got %q, %v", got, err)
		}
		if n := attempts.Load(); n != 2 {
			t.Errorf("%d attempts", n)
		}
	})
}

// What the server has begun to answer, or failed otherwise, is not repeated.
func TestAStreamThatMayHaveRunIsNotRepeated(t *testing.T) {
	ends := map[string]script{
		"a refusal behind a head": func(stream *http2.ServerStream) {
			_ = stream.Start(headLike(stream))
			stream.Reset(frame.RefusedStream)
		},
		"a reset": func(stream *http2.ServerStream) { stream.Reset(frame.InternalError) },
		"a broken connection": func(stream *http2.ServerStream) {
			_ = stream.Want(context.Background(), 1)
			stream.Conn().Close(errors.New("pulled the plug"))
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			everyStream(t, func(t *testing.T, options client.Options, kind farcall.Kind, apart bool) {
				var attempts atomic.Int32
				conn := dial(t, scripted(t, func(stream *http2.ServerStream) { attempts.Add(1); end(stream) }), options)
				if _, err := converse(t.Context(), conn, kind, apart, "a", "b"); err == nil {
					t.Error("no error")
				}
				if n := attempts.Load(); n != 1 {
					t.Errorf("%d attempts", n)
				}
			})
		})
	}
}

// A large message is sent again whole, although the server gave no credit for it and the next attempt must wait for that.
func TestALargeRequestIsSentAgain(t *testing.T) {
	everyStream(t, func(t *testing.T, options client.Options, kind farcall.Kind, apart bool) {
		var attempts atomic.Int32
		conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
			if attempts.Add(1) == 1 {
				_ = stream.Want(context.Background(), 100_000)
				stream.Reset(frame.RefusedStream)
				return
			}
			listing(t)(stream)
		}), options)
		large := strings.Repeat("x", 3<<20)
		got, err := converse(t.Context(), conn, kind, apart, large)
		if want := fmt.Sprintf("of %d", len(large)); err != nil || len(got) != 1 || !strings.HasSuffix(got[0], want) {
			t.Errorf("got %q, %v, want %s", got, err, want)
		}
		if n := attempts.Load(); n != 2 {
			t.Errorf("%d attempts", n)
		}
	})
}

// Many messages of every size are sent again whole and in order, with small ones that share what they are kept in.
func TestManyMessagesAreSentAgainInOrder(t *testing.T) {
	const messages = 200
	var many []string
	for i := range messages {
		many = append(many, strconv.Itoa(i)+strings.Repeat("x", []int{0, 90, 700, 30, 2000}[i%5]))
	}
	for protocol, options := range overHTTP2 {
		for _, apart := range []bool{false, true} {
			for _, moment := range []int{1, 1000, 50_000} { // the bytes that the first attempt waits for
				var attempts atomic.Int32
				var got []string
				conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
					if attempts.Add(1) == 1 {
						_ = stream.Want(context.Background(), moment)
						stream.Reset(frame.RefusedStream)
						return
					}
					if stream.WantEnd(context.Background(), 64<<20) == nil {
						got = texts(t, stream.Peek(stream.Buffered()))
					}
					listing(t)(stream)
				}), options)
				if answers, err := converse(t.Context(), conn, farcall.KindBidi, apart, many...); err != nil || len(answers) != 1 {
					t.Errorf("%s: got %q, %v", protocol, answers, err)
				}
				if !slices.Equal(got, many) {
					t.Errorf("%s, apart %t, refused with %d bytes: %d messages came, or in another order", protocol, apart, moment, len(got))
				}
			}
		}
	}
}

// What is kept for another attempt is bounded: behind that a refusal is the outcome.
func TestALongStreamIsNotKept(t *testing.T) {
	const messages = 1000
	long := slices.Repeat([]string{strings.Repeat("x", 1000)}, messages)
	for protocol, options := range overHTTP2 {
		var attempts atomic.Int32
		conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
			attempts.Add(1)
			_ = stream.WantEnd(context.Background(), 64<<20)
			stream.Reset(frame.RefusedStream)
		}), options)
		if _, err := converse(t.Context(), conn, farcall.KindClientStream, false, long...); farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("%s: got %v", protocol, err)
		}
		if n := attempts.Load(); n != 1 {
			t.Errorf("%s: %d attempts", protocol, n)
		}
	}
}

// A server that answers before it has read the first message meets a client that receives.
func TestAnswersComeWhileTheFirstMessageWaits(t *testing.T) {
	const answers = 100
	ends := map[string][]byte{"gRPC": nil, "gRPC-Web": wire.AppendWebTrailers(nil, fields("grpc-status", "0")), "Connect": []byte("\x02\x00\x00\x00\x02{}")}
	for protocol, options := range overHTTP2 {
		conn := dial(t, scripted(t, func(stream *http2.ServerStream) {
			_ = stream.Start(headLike(stream))
			for range answers { // more than a stream's window
				if stream.Send(append([]byte{0, 0, 0, 0x27, 0x13, 0x0a, 0x90, 0x4e}, make([]byte, 10_000)...)) != nil {
					return
				}
			}
			_ = stream.WantEnd(context.Background(), 64<<20)
			if end := ends[protocol]; end == nil {
				_ = stream.Finish(fields("grpc-status", "0"))
			} else {
				_ = stream.Send(end)
				_ = stream.Finish(nil)
			}
		}), options)
		got, err := converse(t.Context(), conn, farcall.KindBidi, true, strings.Repeat("x", 4<<20))
		if err != nil || len(got) != answers {
			t.Errorf("%s: %d answers, %v", protocol, len(got), err)
		}
	}
}

// What a server that goes away has not seen (RFC 9113 section 6.8) is sent to another.
func TestWhatIsAboveTheLastOfAGoAwayIsSentAgain(t *testing.T) {
	address := scripted(t, listing(t))
	everyStream(t, func(t *testing.T, options client.Options, kind farcall.Kind, apart bool) {
		var dials atomic.Int32
		options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) > 1 {
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			ours, theirs := net.Pipe()
			go goAwayAtOnce(theirs) // ends with the client's end
			return ours, nil
		}
		got, err := converse(t.Context(), dial(t, address, options), kind, apart, "a", "b")
		if err != nil || len(got) != 1 || !strings.HasPrefix(got[0], `"a`) || dials.Load() != 2 {
			t.Errorf("got %q, %v, dialled %d times", got, err, dials.Load())
		}
	})
}

// goAwayAtOnce is a server that has its first request before it says that it has handled none.
func goAwayAtOnce(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	if _, err := in.Discard(len(frame.Preface)); err != nil {
		return
	}
	if _, err := nc.Write(frame.AppendSettings(nil)); err != nil {
		return
	}
	for {
		head, err := in.Peek(frame.HeaderBytes)
		if err != nil {
			return
		}
		h := frame.ParseHeader(head)
		if _, err := in.Discard(frame.HeaderBytes + h.Length); err != nil {
			return
		}
		if h.Type == frame.Headers {
			if _, err := nc.Write(frame.AppendGoAway(nil, 0, frame.NoError, "")); err != nil {
				return
			}
		}
	}
}

// unwritable is a connection that breaks with the first request.
type unwritable struct{ net.Conn }

func (u *unwritable) Write(b []byte) (int, error) {
	for rest := bytes.TrimPrefix(b, []byte(frame.Preface)); len(rest) > 0; {
		h := frame.ParseHeader(rest)
		if h.Type == frame.Headers {
			return 0, syscall.EPIPE
		}
		rest = rest[frame.HeaderBytes+h.Length:]
	}
	return u.Conn.Write(b)
}

// An attempt that never left is made again on another connection, a few times.
func TestWhatNeverLeftIsSentAgain(t *testing.T) {
	address := serveTCP(t, server.Options{}, repeat)
	for broken, want := range map[int32]farcall.Code{1: farcall.OK, 3: farcall.OK, 100: farcall.Unavailable} {
		var dials atomic.Int32
		conn := dial(t, address, client.Options{Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil && dials.Add(1) <= broken {
				return &unwritable{nc}, nil
			}
			return nc, err
		}})
		got, err := call(t.Context(), conn, "x")
		if farcall.CodeOf(err) != want || err == nil && got != "x" {
			t.Errorf("%d broken connections: got %q, %v", broken, got, err)
		}
		if n := dials.Load(); n != min(broken+1, 6) {
			t.Errorf("%d broken connections: dialled %d times", broken, n)
		}
	}
	address = scripted(t, listing(t))
	everyStream(t, func(t *testing.T, options client.Options, kind farcall.Kind, apart bool) {
		var dials atomic.Int32
		options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil && dials.Add(1) <= 3 {
				return &unwritable{nc}, nil
			}
			return nc, err
		}
		conn := dial(t, address, options)
		got, err := converse(t.Context(), conn, kind, apart, "a", "b", "c")
		if err != nil || len(got) != 1 || !strings.HasPrefix(got[0], `"a`) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
	"github.com/farcall/farcall/server"
)

// A connection that was good, and then goes dead while the kernels still acknowledge: calls are overdue, one of them notices
// that nothing comes any more, and soon a call succeeds on another connection. Nothing but that is turned on.
func TestADeadConnectionIsReplaced(t *testing.T) {
	faults := map[string]fault{"both ways": swallowing, "the way back": swallowsAnswers, "the way there": swallowsRequests}
	secured(t, func(t *testing.T, s security) {
		_, target := s.serve(t, nil, echoing, server.Options{})
		for name, f := range faults {
			t.Run(name, func(t *testing.T) {
				for kind, call := range calls {
					if kind == "endless client stream" || kind == "endless two-way" {
						continue
					}
					p := newProxy(t, target)
					options := patientClient()
					options.Keepalive.Timeout = 200 * time.Millisecond
					rules, conn := s.dial(t, p.address(), options)
					if err := call(t.Context(), rules, item(1)); err != nil {
						t.Fatalf("%s: before: %v", kind, err)
					}
					p.spoil(f)
					failures := 0
					until(t, kind+": a call that succeeds", func() bool {
						ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond+time.Duration(failures)*10*time.Millisecond)
						defer cancel()
						err := call(ctx, rules, item(1))
						switch {
						case err == nil:
							return true
						case !errors.Is(err, context.DeadlineExceeded) && farcall.CodeOf(err) != farcall.Unavailable:
							t.Errorf("%s: %v", kind, err)
						}
						failures++
						return false
					})
					if failures == 0 || p.connections() != 2 || conn.Stats().Connections != 1 {
						t.Errorf("%s: %d calls failed, %d connections were opened, %d are in use", kind, failures, p.connections(), conn.Stats().Connections)
					}
					conn.Close()
				}
			})
		}
	})
}

// Calls without a deadline end when another call has found out that their connection is dead.
func TestADeadConnectionEndsOtherCallsOnIt(t *testing.T) {
	h, began, _ := attending()
	s := security{}
	_, target := s.serve(t, nil, h, server.Options{})
	p := newProxy(t, target)
	options := patientClient()
	options.Keepalive.Timeout = 200 * time.Millisecond
	rules, _ := s.dial(t, p.address(), options)
	result := make(chan error, 4)
	for _, kind := range []string{"unary", "server stream", "client stream", "two-way"} {
		go func() { result <- calls[kind](context.Background(), rules, item(1)) }()
		await(t, began, "the handler")
	}
	p.spoil(swallowing)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := rules.Get(ctx, item(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the call with a deadline: %v", err)
	}
	for range 4 {
		if err := await(t, result, "a call without a deadline"); farcall.CodeOf(err) != farcall.Unavailable {
			t.Errorf("a call without a deadline: %v", err)
		}
	}
}

// A server whose handlers are slow is not taken for a dead one, however many calls are overdue.
func TestASlowServerKeepsItsConnection(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		h, _ := obstinate(t)
		_, target := s.serve(t, nil, h, server.Options{})
		p := newProxy(t, target)
		options := patientClient()
		options.Keepalive.Timeout = 10 * time.Second
		rules, _ := s.dial(t, p.address(), options)
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if _, err := rules.Get(ctx, item(1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			cancel()
		}
		if n := p.connections(); n != 1 {
			t.Errorf("%d connections were opened", n)
		}
	})
}

// Keepalive finds a dead connection without any help of a deadline, in both directions: the client's calls fail, and the
// server's handlers see their context end.
func TestKeepaliveOnBothSides(t *testing.T) {
	if testing.Short() {
		t.Skip("the client's shortest interval is 10 s")
	}
	t.Parallel()
	secured(t, func(t *testing.T, s security) {
		t.Parallel()
		h, began, ended := attending()
		_, target := s.serve(t, nil, h, server.Options{Keepalive: server.Keepalive{Interval: 100 * time.Millisecond, Timeout: 100 * time.Millisecond}})
		p := newProxy(t, target)
		options := patientClient()
		options.Keepalive = client.Keepalive{Interval: time.Millisecond, Timeout: 100 * time.Millisecond} // it counts as 10 s
		rules, _ := s.dial(t, p.address(), options)
		result := make(chan error, 4)
		kinds := []string{"unary", "server stream", "client stream", "two-way"}
		for _, kind := range kinds {
			go func() { result <- calls[kind](context.Background(), rules, item(1)) }()
			await(t, began, "the handler")
		}
		p.spoil(swallowing)
		for range kinds {
			if err := await(t, ended, "the end of a handler's context"); err != context.Canceled {
				t.Errorf("a handler's context ended with %v", err)
			}
			if err := await(t, result, "a call"); farcall.CodeOf(err) != farcall.Unavailable {
				t.Errorf("a call: %v", err)
			}
		}
	})
}

// A message of 4 GiB that is announced, and does not come, costs no more than what has come of it. A stream refuses it at
// once; a unary call looks at its answer when that is whole, and so ends by its deadline.
func TestAnAnnouncedMessage(t *testing.T) {
	for name, c := range map[string]struct {
		length uint32
		limit  int
		early  bool
	}{
		"4 GiB": {1<<32 - 1, 0, true}, "4 GiB without a limit": {1<<32 - 1, -1, true}, "a gibibyte without a limit": {1 << 30, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := []byte{0, byte(c.length >> 24), byte(c.length >> 16), byte(c.length >> 8), byte(c.length), 1, 2, 3}
			address := peer(t, security{}, func(p *scripted) {
				p.greet()
				p.each(true, func(h frame.Header, _ []byte) {
					if h.Type == frame.Headers {
						p.send(answerHead(h.Stream), frame.AppendData(nil, h.Stream, prefix, false))
					}
				})
			})
			before := heap()
			options := patientClient()
			options.MaxReceiveBytes = c.limit
			everyCall(t, func(name string, call makeCall, message *rulespb.Item) {
				rules, conn := security{}.dial(t, address, options)
				defer conn.Close()
				if early := c.early && (name == "small server stream" || name == "small client stream" || strings.HasSuffix(name, "two-way")); !early {
					overdue(t, name, call, rules, message, "")
					return
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if err := call(ctx, rules, message); farcall.CodeOf(err) != farcall.ResourceExhausted {
					t.Errorf("%s: %v", name, err)
				}
			})
			if after := heap(); after > before+32<<20 {
				t.Errorf("the heap grew from %d to %d", before, after)
			}
		})
	}
}

// The same towards a server without a limit: a client announces a gibibyte in each of a hundred requests.
func TestAnAnnouncedRequest(t *testing.T) {
	_, address := security{}.serve(t, nil, echoing, server.Options{MaxReceiveBytes: -1})
	before := heap()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	script := frame.AppendSettings([]byte(frame.Preface))
	encoder := hpack.NewEncoder(4096)
	for i := range 100 {
		method := []string{"Get", "Collect", "Talk"}[i%3]
		block := encoder.AppendStateless(nil, []exchange.Field{
			{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/farcall.conformance.rules.v1.Rules/" + method},
			{Name: ":authority", Value: "x"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
		})
		id := uint32(2*i + 1)
		script = frame.AppendHeaders(script, id, block, false, frame.SmallestMaxFrame)
		script = frame.AppendData(script, id, []byte{0, 1 << 6, 0, 0, 0, 1, 2, 3}, false)
	}
	script = frame.AppendPing(script, false, [8]byte{'d', 'o', 'n', 'e'})
	if _, err := nc.Write(script); err != nil {
		t.Fatal(err)
	}
	if err := nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for from := bufio.NewReader(nc); ; { // to the ping's answer: all that comes before it has been read
		var head [frame.HeaderBytes]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			t.Fatal(err)
		}
		h := frame.ParseHeader(head[:])
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			t.Fatal(err)
		}
		if h.Type == frame.ResetStream || h.Type == frame.GoAway {
			t.Fatalf("the server answers with %v", h)
		}
		if h.Type == frame.Ping && string(payload[:4]) == "done" {
			break
		}
	}
	if after := heap(); after > before+32<<20 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
	rules, _ := security{}.dial(t, address, patientClient())
	if _, err := rules.Get(t.Context(), item(1)); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// heap returns the bytes in use. A pool gives what nobody takes back with the second collection.
func heap() uint64 {
	var stats runtime.MemStats
	for range 5 {
		over := make(chan struct{})
		runtime.AddCleanup(new([16]byte), func(over chan struct{}) { close(over) }, over)
		runtime.GC()
		<-over // so that others who act upon a cycle have: large buffers that nobody needs go so
	}
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

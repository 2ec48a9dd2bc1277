// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// byHand is a client's connection that a test plays frame by frame.
type byHand struct {
	t      *testing.T
	nc     net.Conn
	reader *bufio.Reader
}

// shakeHands connects by hand.
func shakeHands(t *testing.T, address string) *byHand {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	h := &byHand{t, nc, bufio.NewReader(nc)}
	h.send(append([]byte(frame.Preface), frame.AppendSettings(nil)...))
	return h
}

func (h *byHand) send(b []byte) {
	h.t.Helper()
	if _, err := h.nc.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

// next returns the next frame of a type, and io.EOF if the connection ends before.
func (h *byHand) next(wanted frame.Type) (frame.Header, []byte, error) {
	first := make([]byte, frame.HeaderBytes)
	for {
		if _, err := io.ReadFull(h.reader, first); err != nil {
			return frame.Header{}, nil, err
		}
		header := frame.ParseHeader(first)
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(h.reader, payload); err != nil {
			return frame.Header{}, nil, err
		}
		if header.Type == wanted {
			return header, payload, nil
		}
	}
}

// pings are numbered.
func pings(count byte) (frames []byte) {
	for i := range count {
		frames = frame.AppendPing(frames, false, [8]byte{i})
	}
	return frames
}

func TestPingsThatComeTooOften(t *testing.T) {
	const many = 10
	for name, c := range map[string]struct {
		least   time.Duration
		welcome bool
	}{"by default": {0, false}, "never": {-1, true}, "as often as that": {time.Nanosecond, true}} {
		t.Run(name, func(t *testing.T) {
			client := shakeHands(t, runSay(t, server.Options{Keepalive: server.Keepalive{LeastInterval: c.least}}, repeat))
			client.send(pings(many))
			for answered := byte(0); answered < many; answered++ {
				h, payload, err := client.next(frame.Ping)
				if err != nil && !c.welcome {
					return
				}
				if err != nil || !h.Flags.Has(frame.Ack) || payload[0] != answered {
					t.Fatalf("after %d answers: %v, %v", answered, h, err)
				}
			}
			if !c.welcome {
				t.Error("all are answered")
			}
		})
	}
}

// What the GOAWAY says is what other implementations look for (grpc/proposal A8).
func TestTooManyPingsSaysSo(t *testing.T) {
	client := shakeHands(t, runSay(t, server.Options{}, repeat))
	client.send(pings(4))
	h, payload, err := client.next(frame.GoAway)
	if err != nil {
		t.Fatal(err)
	}
	if _, code, debug, _ := frame.ParseGoAway(h, payload); code != frame.EnhanceYourCalm || string(debug) != "too_many_pings" {
		t.Errorf("GOAWAY %v %q", code, debug)
	}
}

func TestClientsThatAreNotThereAreNoticed(t *testing.T) {
	client := shakeHands(t, runSay(t, server.Options{Keepalive: server.Keepalive{Interval: time.Millisecond, Timeout: 20 * time.Millisecond}}, repeat))
	if _, _, err := client.next(frame.Ping); err != nil {
		t.Fatalf("the server does not ask: %v", err)
	}
	for { // it asks again, and gets no answer
		if _, _, err := client.next(frame.Ping); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Error("the connection stays")
			}
			return
		}
	}
}

func TestCallsOnOldConnectionsHaveAGrace(t *testing.T) {
	told := make(chan error, 1)
	address := runSay(t, server.Options{MaxConnectionAge: time.Millisecond, MaxConnectionAgeGrace: 20 * time.Millisecond},
		func(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			<-ctx.Done()
			told <- ctx.Err()
			return nil, ctx.Err()
		})
	_, err := call(t.Context(), dial(t, address), "x")
	if err == nil || !strings.Contains(err.Error(), "UNAVAILABLE") {
		t.Errorf("the call ended with %v", err)
	}
	if err := <-told; err != context.Canceled {
		t.Errorf("the handler's context ended with %v", err)
	}
}

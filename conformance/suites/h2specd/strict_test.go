// SPDX-License-Identifier: Apache-2.0

package h2specd

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/conformance/suites/script"
	"github.com/farcall/farcall/internal/frame"
)

// moment is when a case says its own.
type moment int

const (
	onRequest moment = iota // after the handshake and the request on stream 1
	instead                 // in the place of the server's SETTINGS
)

// strictCase is one of h2specd's: what the server says, and what it must see.
type strictCase struct {
	when   moment
	script [][]byte
	want   string
}

// What a client makes of a case. An error of the connection ends it; after one of the stream a PING is still answered.
const (
	goesOn  = "goes on"
	pong    = "PING answered, goes on"
	settled = "SETTINGS acknowledged, goes on"
)

func connectionError(code frame.ErrorCode) string { return "GOAWAY " + code.String() + ", closed" }
func streamError(code frame.ErrorCode) string     { return "RST_STREAM " + code.String() + ", goes on" }

var (
	request = script.Block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x")
	zeros   = make([]byte, 8)
	test    = []byte("test")
)

// answered opens the answer on stream 1, or is all of it.
func answered(end bool) []byte { return script.Headers(1, end, ":status", "200") }

// unfinished is the answer's head in a frame that more must follow.
func unfinished(flags frame.Flags) []byte {
	return script.Raw(frame.Headers, flags, 1, script.Block(":status", "200"))
}

func continuation(stream uint32, flags frame.Flags) []byte {
	return script.Raw(frame.Continuation, flags, stream, script.Block("x-dummy", strings.Repeat("x", 4000)))
}

func setting(id frame.SettingID, value uint32) []byte {
	return frame.AppendSettings(nil, frame.Setting{ID: id, Value: value})
}

// strictCases are all of h2specd's, under its names, with what RFC 9113 wants.
var strictCases = map[string]strictCase{
	"1/1": {onRequest, nil, goesOn},

	"4.1/1": {onRequest, [][]byte{script.Raw(0x16, 0, 0, zeros)}, goesOn},
	"4.1/2": {onRequest, [][]byte{script.Raw(frame.Ping, 0x16, 0, zeros)}, pong},
	"4.1/3": {onRequest, [][]byte{[]byte("\x00\x00\x08\x06\x16\x80\x00\x00\x00"), zeros}, pong},
	"4.2/1": {onRequest, [][]byte{answered(false), frame.AppendData(nil, 1, make([]byte, frame.SmallestMaxFrame), true)}, goesOn},
	"4.2/2": {onRequest, [][]byte{answered(false), frame.AppendData(nil, 1, make([]byte, frame.SmallestMaxFrame+1), true)}, connectionError(frame.FrameSizeError)},
	"4.2/3": {onRequest, [][]byte{script.Headers(1, true, ":status", "200", "x", strings.Repeat("x", 20_000))}, connectionError(frame.FrameSizeError)},
	"4.3/1": {onRequest, [][]byte{script.Raw(frame.Headers, frame.EndHeaders|frame.EndStream, 1, []byte{0x40})}, connectionError(frame.CompressionError)},

	"5.1/1":   {onRequest, [][]byte{frame.AppendData(nil, 2, test, true)}, connectionError(frame.ProtocolError)},
	"5.1/2":   {onRequest, [][]byte{frame.AppendResetStream(nil, 2, frame.Cancel)}, connectionError(frame.ProtocolError)},
	"5.1/3":   {onRequest, [][]byte{frame.AppendWindowUpdate(nil, 2, 100)}, connectionError(frame.ProtocolError)},
	"5.1/4":   {onRequest, [][]byte{continuation(2, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"5.1/5":   {onRequest, [][]byte{answered(false), frame.AppendResetStream(nil, 1, frame.Cancel), frame.AppendData(nil, 1, test, true)}, streamError(frame.StreamClosed)},
	"5.1/6":   {onRequest, [][]byte{answered(false), frame.AppendResetStream(nil, 1, frame.Cancel), answered(true)}, streamError(frame.StreamClosed)},
	"5.1/7":   {onRequest, [][]byte{answered(false), frame.AppendResetStream(nil, 1, frame.Cancel), continuation(1, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"5.1/8":   {onRequest, [][]byte{answered(true), frame.AppendData(nil, 1, test, true)}, streamError(frame.StreamClosed)},
	"5.1/9":   {onRequest, [][]byte{answered(true), answered(true)}, streamError(frame.StreamClosed)},
	"5.1/10":  {onRequest, [][]byte{answered(true), continuation(1, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"5.1.1/1": {onRequest, [][]byte{script.Headers(101, true, ":status", "200")}, connectionError(frame.ProtocolError)},
	"5.4.1/1": {onRequest, [][]byte{script.Raw(frame.Ping, 0, 3, zeros)}, connectionError(frame.ProtocolError)},
	"5.4.1/2": {onRequest, [][]byte{script.Raw(frame.Ping, 0, 3, zeros)}, connectionError(frame.ProtocolError)},
	"5.5/1":   {onRequest, [][]byte{script.Raw(0x16, 0, 0, zeros)}, goesOn},

	"6.1/1": {onRequest, [][]byte{frame.AppendData(nil, 0, test, true)}, connectionError(frame.ProtocolError)},
	"6.1/2": {onRequest, [][]byte{answered(true), frame.AppendData(nil, 1, test, true)}, streamError(frame.StreamClosed)},
	"6.1/3": {onRequest, [][]byte{script.Headers(1, false, ":status", "200", "content-length", "4"),
		script.Raw(frame.Data, frame.EndStream|frame.Padded, 1, []byte("\x06Test"))}, connectionError(frame.ProtocolError)},
	"6.2/1": {onRequest, [][]byte{unfinished(0), script.Raw(frame.Priority, 0, 1, []byte{0, 0, 0, 0, 255}), continuation(1, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"6.2/2": {onRequest, [][]byte{script.Headers(0, true, ":status", "200")}, connectionError(frame.ProtocolError)},
	"6.2/3": {onRequest, [][]byte{script.Raw(frame.Headers, frame.Padded, 1, append([]byte{0x11}, script.Block(":status", "200")...))}, connectionError(frame.ProtocolError)},
	"6.3/1": {onRequest, [][]byte{script.Raw(frame.Priority, 0, 0, []byte{0, 0, 0, 0, 255})}, connectionError(frame.ProtocolError)},
	"6.3/2": {onRequest, [][]byte{answered(true), script.Raw(frame.Priority, 0, 1, []byte{0x80, 0, 0, 1})}, streamError(frame.FrameSizeError)},
	"6.4/1": {onRequest, [][]byte{frame.AppendResetStream(nil, 0, frame.Cancel)}, connectionError(frame.ProtocolError)},
	"6.4/2": {onRequest, [][]byte{frame.AppendResetStream(nil, 2, frame.Cancel)}, connectionError(frame.ProtocolError)},
	"6.4/3": {onRequest, [][]byte{answered(true), script.Raw(frame.ResetStream, 0, 1, zeros[:3])}, connectionError(frame.FrameSizeError)},

	"6.5/1":   {instead, [][]byte{script.Raw(frame.Settings, frame.Ack, 0, zeros[:1])}, connectionError(frame.FrameSizeError)},
	"6.5/2":   {instead, [][]byte{script.Raw(frame.Settings, 0, 1, []byte{0, 3, 0, 0, 0, 100})}, connectionError(frame.ProtocolError)},
	"6.5/3":   {instead, [][]byte{script.Raw(frame.Settings, 0, 0, []byte{0, 3, 0})}, connectionError(frame.FrameSizeError)},
	"6.5.2/1": {instead, [][]byte{setting(frame.InitialWindowSize, 1<<31)}, connectionError(frame.FlowControlError)},
	"6.5.2/2": {instead, [][]byte{setting(frame.MaxFrameSize, frame.SmallestMaxFrame-1)}, connectionError(frame.ProtocolError)},
	"6.5.2/3": {instead, [][]byte{setting(frame.MaxFrameSize, frame.LargestMaxFrame+1)}, connectionError(frame.ProtocolError)},
	"6.5.2/4": {instead, [][]byte{setting(0xff, 1)}, settled},
	"6.5.3/1": {instead, [][]byte{setting(frame.MaxConcurrentStreams, 100)}, settled},

	"6.7/1":   {onRequest, [][]byte{frame.AppendPing(nil, false, [8]byte{'h', '2'})}, pong},
	"6.7/2":   {onRequest, [][]byte{frame.AppendPing(nil, true, [8]byte{'h', '2'})}, goesOn},
	"6.7/3":   {onRequest, [][]byte{script.Raw(frame.Ping, 0, 1, zeros)}, connectionError(frame.ProtocolError)},
	"6.7/4":   {onRequest, [][]byte{script.Raw(frame.Ping, 0, 0, zeros[:6])}, connectionError(frame.FrameSizeError)},
	"6.8/1":   {onRequest, [][]byte{script.Raw(frame.GoAway, 0, 1, zeros)}, connectionError(frame.ProtocolError)},
	"6.9/1":   {onRequest, [][]byte{script.Raw(frame.WindowUpdate, 0, 0, zeros[:4])}, connectionError(frame.ProtocolError)},
	"6.9/2":   {onRequest, [][]byte{answered(false), script.Raw(frame.WindowUpdate, 0, 1, zeros[:4])}, streamError(frame.ProtocolError)},
	"6.9/3":   {onRequest, [][]byte{script.Raw(frame.WindowUpdate, 0, 0, []byte{0, 0, 1})}, connectionError(frame.FrameSizeError)},
	"6.9.1/1": {onRequest, [][]byte{frame.AppendWindowUpdate(nil, 0, frame.LargestWindow), frame.AppendWindowUpdate(nil, 0, frame.LargestWindow)}, connectionError(frame.FlowControlError)},
	"6.9.1/2": {onRequest, [][]byte{answered(false), frame.AppendWindowUpdate(nil, 1, frame.LargestWindow)}, streamError(frame.FlowControlError)},

	"6.10/1": {onRequest, [][]byte{unfinished(frame.EndStream), continuation(1, 0), continuation(1, frame.EndHeaders)}, goesOn},
	"6.10/2": {onRequest, [][]byte{unfinished(0), continuation(1, 0), frame.AppendData(nil, 1, test, true)}, connectionError(frame.ProtocolError)},
	"6.10/3": {onRequest, [][]byte{unfinished(frame.EndStream), continuation(0, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"6.10/4": {onRequest, [][]byte{answered(true), continuation(1, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"6.10/5": {onRequest, [][]byte{unfinished(frame.EndStream), continuation(1, frame.EndHeaders), continuation(1, frame.EndHeaders)}, connectionError(frame.ProtocolError)},
	"6.10/6": {onRequest, [][]byte{unfinished(0), frame.AppendData(nil, 1, test, true), continuation(1, 0)}, connectionError(frame.ProtocolError)},
}

// lastPing is behind every script: its answer shows that the connection goes on, and that nothing more will come.
var lastPing = [8]byte{'l', 'a', 's', 't'}

// play plays a case and returns what the client has made of it.
func (c strictCase) play(p *script.Peer) (string, error) {
	if err := p.Preface(); err != nil {
		return "", err
	}
	if c.when == onRequest {
		if err := p.Send(frame.AppendSettings(nil)); err != nil {
			return "", err
		}
		for waiting := 2; waiting > 0; { // the request's end and the acknowledgement
			h, _, err := p.Next()
			if err != nil {
				return "", err
			}
			requested := (h.Type == frame.Data || h.Type == frame.Headers) && h.Flags.Has(frame.EndStream)
			if requested || h.Type == frame.Settings && h.Flags.Has(frame.Ack) {
				waiting--
			}
		}
	}
	if err := p.Send(append(c.script, frame.AppendPing(nil, false, lastPing))...); err != nil {
		return "", err
	}
	return reaction(p), nil
}

// reaction reads to the end of the connection, or to the answer of the last PING.
func reaction(p *script.Peer) string {
	var said []string
	for {
		h, payload, err := p.Next()
		if err != nil {
			return strings.Join(append(said, "closed"), ", ")
		}
		switch {
		case h.Type == frame.GoAway:
			_, code, _, _ := frame.ParseGoAway(h, payload)
			said = append(said, "GOAWAY "+code.String())
		case h.Type == frame.ResetStream:
			code, _ := frame.ParseResetStream(h, payload)
			said = append(said, "RST_STREAM "+code.String())
		case h.Type == frame.Settings && h.Flags.Has(frame.Ack):
			said = append(said, "SETTINGS acknowledged")
		case h.Type == frame.Ping && h.Flags.Has(frame.Ack):
			if string(payload) == string(lastPing[:]) {
				return strings.Join(append(said, "goes on"), ", ")
			}
			said = append(said, "PING answered")
		}
	}
}

// strictly returns how a client reacts to a case, and how its call ends. The client's context ends once it has reacted.
func strictly(t *testing.T, c strictCase, client func(ctx context.Context, target string) error) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	reactions := make(chan string, 1)
	address := script.Listen(t, func(p *script.Peer) {
		got, err := c.play(p)
		if err != nil {
			got = "left: " + err.Error()
		}
		reactions <- got
		cancel()
	})
	err := client(ctx, address.String())
	return <-reactions, err
}

// TestClientStrictly plays every case of h2specd and wants the one right reaction.
func TestClientStrictly(t *testing.T) {
	passed := 0
	for _, name := range slices.Sorted(maps.Keys(strictCases)) {
		if t.Run(name, func(t *testing.T) {
			c := strictCases[name]
			got, err := strictly(t, c, func(ctx context.Context, target string) error {
				return call(ctx, target, client.Options{Dialer: dialOnce()})
			})
			if got != c.want {
				t.Errorf("the client says %q, want %q", got, c.want)
			}
			if err == nil {
				t.Error("the call has succeeded, although there was no answer of gRPC's")
			}
		}) {
			passed++
		}
	}
	suites.Report(t, "h2specd-strict", passed, allCases)
}

// TestJudgesOfAClientThatHangsUp shows what the two judges are worth: h2specd lets such a client pass 45 of its 57
// cases, and ours none. Each case of h2specd is among ours.
func TestJudgesOfAClientThatHangsUp(t *testing.T) {
	result := judge(t, "hang up")
	passed := len(result.passed())
	if passed < allCases/2 || passed == allCases { // a busy machine may cost it some
		t.Errorf("h2specd lets a client that hangs up pass %d of its %d cases", passed, allCases)
	}
	if names := slices.Sorted(maps.Keys(result)); !slices.Equal(names, slices.Sorted(maps.Keys(strictCases))) {
		t.Errorf("h2specd's cases are not those that are played strictly: %v", names)
	}
	for name, c := range strictCases {
		got, _ := strictly(t, c, func(_ context.Context, target string) error { return hangUp(&url.URL{Host: target}) })
		if got == c.want {
			t.Errorf("%s: a client that hangs up passes with %s", name, strconv.Quote(got))
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package http2interop

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/suites/script"
	"github.com/farcall/farcall/conformance/suites/testingpb"
	"github.com/farcall/farcall/internal/frame"
)

// plays are what the server of each case does with a connection.
var plays = map[string]func(c *conversation) error{
	"goaway":                    playGoAway,
	"rst_after_header":          playResetAfterHeader,
	"rst_during_data":           func(c *conversation) error { return c.resetAfter(func(whole int) int { return whole / 2 }) },
	"rst_after_data":            func(c *conversation) error { return c.resetAfter(func(whole int) int { return whole }) },
	"ping":                      playPing,
	"max_streams":               playMaxStreams,
	"data_frame_padding":        func(c *conversation) error { return c.answerInCrumbs(255) },
	"no_df_padding_sanity_test": func(c *conversation) error { return c.answerInCrumbs(-1) },
}

// playGoAway answers one call and goes away: the next call needs another connection.
func playGoAway(c *conversation) error {
	call, err := c.request()
	if err != nil {
		return err
	}
	if err := c.answer(call); err != nil {
		return err
	}
	if err := c.Send(frame.AppendGoAway(nil, call.stream, frame.NoError, "")); err != nil {
		return err
	}
	if call, err = c.request(); err != nil {
		return err
	}
	return c.breach("stream %d was opened after GOAWAY", call.stream)
}

// playResetAfterHeader does not wait for the request's body.
func playResetAfterHeader(c *conversation) error {
	for c.opened == 0 {
		if err := c.step(); err != nil {
			return err
		}
	}
	if err := c.Send(answerHead(c.opened), frame.AppendResetStream(nil, c.opened, frame.NoError)); err != nil {
		return err
	}
	return c.idle()
}

// resetAfter sends as much of an answer's message as share says, then RST_STREAM.
func (c *conversation) resetAfter(share func(whole int) int) error {
	call, err := c.request()
	if err != nil {
		return err
	}
	message := answerMessage(call)
	if err := c.Send(answerHead(call.stream)); err != nil {
		return err
	}
	if err := c.data(call.stream, message[:share(len(message))], frame.SmallestMaxFrame, -1); err != nil {
		return err
	}
	if err := c.Send(frame.AppendResetStream(nil, call.stream, frame.NoError)); err != nil {
		return err
	}
	return c.idle()
}

// playPing pings before and after the head and the message, and ends the answer when all pings are answered: a client that
// has its answer may leave.
func playPing(c *conversation) error {
	call, err := c.request()
	if err != nil {
		return err
	}
	for _, part := range []func() error{
		c.ping,
		func() error { return c.Send(answerHead(call.stream)) },
		c.ping,
		c.ping,
		func() error { return c.data(call.stream, answerMessage(call), frame.SmallestMaxFrame, -1) },
		c.ping,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	for c.pings > 0 {
		if err := c.step(); err != nil {
			return c.breach("%d pings were not answered", c.pings)
		}
	}
	if err := c.Send(answerEnd(call.stream)); err != nil {
		return err
	}
	return c.idle()
}

// oneStream is what the server of max_streams says first thing: a limit that comes later binds nobody before it has come.
var oneStream = frame.Setting{ID: frame.MaxConcurrentStreams, Value: 1}

// playMaxStreams allows one stream at a time. It looks for a second one before it answers.
func playMaxStreams(c *conversation) error {
	for {
		call, err := c.request()
		if err != nil {
			return err
		}
		if err := c.ping(); err != nil {
			return err
		}
		for c.pings > 0 {
			if err := c.step(); err != nil {
				return err
			}
		}
		if c.opened != call.stream {
			return c.breach("stream %d was opened beside stream %d", c.opened, call.stream)
		}
		if err := c.answer(call); err != nil {
			return err
		}
	}
}

// answerInCrumbs answers with DATA of five bytes each, and padding that counts for flow control; -1 for none.
func (c *conversation) answerInCrumbs(padding int) error {
	const crumb = 5
	call, err := c.request()
	if err != nil {
		return err
	}
	if err := c.Send(answerHead(call.stream)); err != nil {
		return err
	}
	if err := c.data(call.stream, answerMessage(call), crumb, padding); err != nil {
		return err
	}
	if err := c.Send(answerEnd(call.stream)); err != nil {
		return err
	}
	return c.idle()
}

// conversation is the server's end of one connection. It knows the client's flow control, and gives credit for whatever
// comes.
type conversation struct {
	*script.Peer
	stage *stage

	opened  uint32 // the last stream of the client's
	bodies  map[uint32][]byte
	ended   []uint32 // streams whose request is complete and was not looked at
	credit  map[uint32]int
	initial int // of a stream
	pings   int // that are not answered
}

// unary is a request.
type unary struct {
	stream  uint32
	request *testingpb.SimpleRequest
}

// begin does the handshake.
func (c *conversation) begin(settings ...frame.Setting) error {
	c.bodies, c.credit, c.initial = map[uint32][]byte{}, map[uint32]int{0: 65535}, 65535
	if err := c.Preface(); err != nil {
		return err
	}
	return c.Send(frame.AppendSettings(nil, settings...))
}

// step takes in the next frame.
func (c *conversation) step() error {
	h, payload, err := c.Next()
	if err != nil {
		return err
	}
	switch h.Type {
	case frame.Settings:
		return c.takeSettings(h, payload)
	case frame.WindowUpdate:
		increment, err := frame.ParseWindowUpdate(h, payload)
		c.credit[h.Stream] += int(increment)
		return err
	case frame.Ping:
		if h.Flags.Has(frame.Ack) {
			c.pings--
			return nil
		}
		return c.Send(frame.AppendPing(nil, true, [8]byte(payload)))
	case frame.Headers:
		if _, err := c.Head(h, payload); err != nil {
			return c.breach("a head that cannot be read: %v", err)
		}
		if h.Stream <= c.opened {
			return c.breach("stream %d was opened behind stream %d", h.Stream, c.opened)
		}
		c.opened = h.Stream
		c.credit[h.Stream] += c.initial
	case frame.Data:
		data, err := frame.ParseData(h, payload)
		if err != nil {
			return err
		}
		c.bodies[h.Stream] = append(c.bodies[h.Stream], data...)
		if n := uint32(len(payload)); n > 0 {
			err = c.Send(frame.AppendWindowUpdate(nil, 0, n), frame.AppendWindowUpdate(nil, h.Stream, n))
		}
		if err != nil {
			return err
		}
	case frame.GoAway:
		if _, code, debug, _ := frame.ParseGoAway(h, payload); code != frame.NoError {
			return c.breach("the client goes away: %v %s", code, debug)
		}
	}
	if (h.Type == frame.Data || h.Type == frame.Headers) && h.Flags.Has(frame.EndStream) {
		c.ended = append(c.ended, h.Stream)
	}
	return nil
}

func (c *conversation) takeSettings(h frame.Header, payload []byte) error {
	before := c.initial
	err := frame.ParseSettings(h, payload, func(s frame.Setting) error {
		if s.ID == frame.InitialWindowSize {
			c.initial = int(s.Value)
		}
		return nil
	})
	for stream := range c.credit {
		if stream != 0 {
			c.credit[stream] += c.initial - before
		}
	}
	if err != nil || h.Flags.Has(frame.Ack) {
		return err
	}
	return c.Send(frame.AppendSettingsAck(nil))
}

// request returns the next complete request.
func (c *conversation) request() (unary, error) {
	for len(c.ended) == 0 {
		if err := c.step(); err != nil {
			return unary{}, err
		}
	}
	call := unary{stream: c.ended[0], request: &testingpb.SimpleRequest{}}
	c.ended = c.ended[1:]
	body := c.bodies[call.stream]
	delete(c.bodies, call.stream)
	if len(body) < 5 || int(binary.BigEndian.Uint32(body[1:])) != len(body)-5 {
		return call, c.breach("a request of %d bytes is not one message", len(body))
	}
	return call, proto.Unmarshal(body[5:], call.request)
}

// idle takes in what still comes, until the client ends the connection.
func (c *conversation) idle() error {
	for {
		if err := c.step(); err != nil {
			return err
		}
	}
}

// data sends DATA frames with at most piece bytes each, and as much padding, as the client's windows allow.
func (c *conversation) data(stream uint32, data []byte, piece, padding int) error {
	extra := 0
	if padding >= 0 {
		extra = 1 + padding
	}
	for len(data) > 0 {
		n := min(piece, len(data), c.credit[0]-extra, c.credit[stream]-extra)
		if n <= 0 {
			if err := c.step(); err != nil {
				return err
			}
			continue
		}
		one := frame.AppendData(nil, stream, data[:n], false)
		if padding >= 0 {
			payload := append(append([]byte{byte(padding)}, data[:n]...), make([]byte, padding)...)
			one = script.Raw(frame.Data, frame.Padded, stream, payload)
		}
		if err := c.Send(one); err != nil {
			return err
		}
		c.credit[0] -= n + extra
		c.credit[stream] -= n + extra
		data = data[n:]
	}
	return nil
}

func (c *conversation) answer(call unary) error {
	if err := c.Send(answerHead(call.stream)); err != nil {
		return err
	}
	if err := c.data(call.stream, answerMessage(call), frame.SmallestMaxFrame, -1); err != nil {
		return err
	}
	return c.Send(answerEnd(call.stream))
}

func (c *conversation) ping() error {
	c.pings++
	return c.Send(frame.AppendPing(nil, false, [8]byte{}))
}

func answerHead(stream uint32) []byte {
	return script.Headers(stream, false, ":status", "200", "content-type", "application/grpc", "grpc-encoding", "identity")
}

func answerEnd(stream uint32) []byte { return script.Headers(stream, true, "grpc-status", "0") }

// answerMessage is the message that a request asks for, behind its prefix.
func answerMessage(call unary) []byte {
	encoded, err := proto.Marshal(&testingpb.SimpleResponse{Payload: &testingpb.Payload{Body: make([]byte, call.request.GetResponseSize())}})
	if err != nil {
		panic(err) // it holds nothing but zeros
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(encoded))), encoded...)
}

// stage is the server of one case.
type stage struct {
	address *net.TCPAddr

	mu          sync.Mutex // guards what follows
	changed     *sync.Cond
	connections int
	over        int      // connections that have ended
	breaches    []string // what clients did that they may not
}

// errBreach ends a connection whose client did what it may not.
var errBreach = errors.New("the client did what it may not")

func (c *conversation) breach(format string, arguments ...any) error {
	c.stage.mu.Lock()
	defer c.stage.mu.Unlock()
	c.stage.breaches = append(c.stage.breaches, fmt.Sprintf(format, arguments...))
	return errBreach
}

// setStage starts the server of a case, under TLS if there is a configuration, until the test's end.
func setStage(t *testing.T, name string, config *tls.Config) *stage {
	t.Helper()
	s := &stage{}
	s.changed = sync.NewCond(&s.mu)
	play, ok := plays[name]
	if !ok {
		t.Fatalf("there is no case %s", name)
	}
	s.address = script.ListenTLS(t, config, func(p *script.Peer) {
		s.mu.Lock()
		s.connections++
		s.mu.Unlock()
		c := &conversation{Peer: p, stage: s}
		var settings []frame.Setting
		if name == "max_streams" {
			settings = append(settings, oneStream)
		}
		err := c.begin(settings...)
		if err == nil {
			err = play(c)
		}
		if err != nil && !errors.Is(err, errBreach) && !left(err) {
			_ = c.breach("the connection ended with: %v", err)
		}
		s.mu.Lock()
		s.over++
		s.changed.Broadcast()
		s.mu.Unlock()
	})
	return s
}

// left reports whether err is what a client's leaving looks like.
func left(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &network) && !network.Timeout()
}

// seen returns how many connections there were, and what was wrong with them. It waits for the last one to end.
func (s *stage) seen() (connections int, breaches []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.over == 0 || s.over < s.connections {
		s.changed.Wait()
	}
	return s.connections, slices.Clone(s.breaches)
}

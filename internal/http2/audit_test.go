// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/hpack"
)

// audit stands between the two ends of a connection and holds what passes against RFC 9113, with books of its own: the
// states of streams (section 5.1), flow control to the byte (6.9), settings from their acknowledgement on (6.5.3), the
// order of header blocks (4.3) and frames (4.2). It looks at a frame before the other end can, so that nobody is blamed
// for what it could not know yet.
type audit struct {
	t       *testing.T
	lawless [2]bool // an end that breaks the rules on purpose is not held to them

	mu      sync.Mutex // guards what follows
	ends    [2]auditEnd
	streams map[uint32]*auditStream
	early   map[uint32]int64 // credit for streams that were not seen yet, from a server that cannot know them either
	last    uint32           // the highest stream
	found   int              // breaches
}

const (
	clientSide = 0
	serverSide = 1
)

// auditEnd is what is known of an end, as a sender.
type auditEnd struct {
	credit      int64             // on the connection
	rules       peerRules         // the other end's, as far as this one has acknowledged them
	unheard     [][]frame.Setting // SETTINGS of this end that the other has not acknowledged
	pings       [][8]byte         // of this end that are not answered
	block       []byte            // a header block that goes on
	blockStream uint32
	decoder     *hpack.Decoder
	goAway      uint32 // the last stream that this end has named
}

type peerRules struct {
	initialWindow int64
	maxFrame      int
	maxStreams    int
}

// auditStream is a stream, from both sides.
type auditStream struct {
	sides [2]auditSide
}

type auditSide struct {
	credit              int64
	begun, ended, reset bool
}

func newAudit(t *testing.T) *audit {
	a := &audit{t: t, streams: make(map[uint32]*auditStream), early: make(map[uint32]int64)}
	for i := range a.ends {
		a.ends[i] = auditEnd{credit: 65535, goAway: 1<<31 - 1, decoder: hpack.NewDecoder(1<<20, 1<<30),
			rules: peerRules{initialWindow: 65535, maxFrame: 16384, maxStreams: 1 << 31}}
	}
	return a
}

// breach tells a breach of one side, and after some of them no more.
func (a *audit) breach(side int, format string, arguments ...any) {
	if a.lawless[side] {
		return
	}
	if a.found++; a.found < 10 {
		a.t.Errorf("audit: "+format, arguments...)
	}
}

// pass looks at a frame from one side.
func (a *audit) pass(side int, h frame.Header, payload []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, to := &a.ends[side], &a.ends[1-side]
	name := fmt.Sprintf("%s's %v on stream %d", [...]string{"the client", "the server"}[side], h.Type, h.Stream)
	if h.Length > from.rules.maxFrame {
		a.breach(side, "%s has %d bytes, %d are allowed", name, h.Length, from.rules.maxFrame)
	}
	if from.blockStream != 0 && (h.Type != frame.Continuation || h.Stream != from.blockStream) {
		a.breach(side, "%s in the middle of a header block", name)
	}
	if s := a.streams[h.Stream]; s != nil && s.sides[side].reset && h.Type != frame.Priority && h.Type != frame.Continuation {
		a.breach(side, "%s behind RST_STREAM", name)
	}
	switch h.Type {
	case frame.Data:
		a.passData(side, name, h, payload)
	case frame.Headers, frame.Continuation:
		a.passBlock(side, name, h, payload)
	case frame.ResetStream:
		if s := a.streams[h.Stream]; s != nil {
			s.sides[side].reset = true
		} else if h.Stream > a.last || h.Stream%2 == 0 { // but for those that were passed over
			a.breach(side, "%s, which was never opened", name)
		}
	case frame.Settings:
		a.passSettings(side, name, h, payload)
	case frame.Ping:
		if len(payload) != 8 {
			a.breach(side, "%s has %d bytes", name, len(payload))
		} else if !h.Flags.Has(frame.Ack) {
			from.pings = append(from.pings, [8]byte(payload))
		} else if i := slices.Index(to.pings, [8]byte(payload)); i < 0 {
			a.breach(side, "%s answers what was not asked", name)
		} else {
			to.pings = slices.Delete(to.pings, i, i+1)
		}
	case frame.GoAway:
		last, _, _, _ := frame.ParseGoAway(h, payload)
		if last > from.goAway {
			a.breach(side, "%s names stream %d after stream %d", name, last, from.goAway)
		}
		from.goAway = last
	case frame.WindowUpdate:
		increment, err := frame.ParseWindowUpdate(h, payload)
		credit := &to.credit
		if s := a.streams[h.Stream]; s != nil {
			credit = &s.sides[1-side].credit
		} else if h.Stream != 0 {
			a.early[h.Stream] += int64(increment)
			a.breach(side, "%s, which was never opened", name)
			return
		}
		if *credit += int64(increment); err != nil || *credit > 1<<31-1 {
			a.breach(side, "%s makes a window of %d bytes, %v", name, *credit, err)
		}
	default:
		a.breach(side, "%s is none that we send", name)
	}
}

func (a *audit) passData(side int, name string, h frame.Header, payload []byte) {
	from, s := &a.ends[side], a.streams[h.Stream]
	if s == nil || !s.sides[side].begun || s.sides[side].ended {
		a.breach(side, "%s, which is not open on that side", name)
		return
	}
	mine, n := &s.sides[side], int64(len(payload))
	if n > 0 && (n > from.credit || n > mine.credit) {
		a.breach(side, "%s has %d bytes, the windows %d and %d", name, n, from.credit, mine.credit)
	}
	from.credit -= n
	mine.credit -= n
	mine.ended = h.Flags.Has(frame.EndStream)
}

func (a *audit) passBlock(side int, name string, h frame.Header, payload []byte) {
	from := &a.ends[side]
	if h.Type == frame.Headers {
		a.passHeaders(side, name, h)
		from.blockStream = h.Stream
		block, err := frame.ParseHeaders(h, payload)
		if err != nil {
			a.breach(side, "%s: %v", name, err)
		}
		from.block = append(from.block[:0], block...)
	} else {
		from.block = append(from.block, payload...)
	}
	if !h.Flags.Has(frame.EndHeaders) {
		return
	}
	from.blockStream = 0
	if a.lawless[side] {
		return
	}
	if _, err := from.decoder.Decode(from.block); err != nil {
		a.breach(side, "%s cannot be decoded: %v", name, err)
	}
}

// passHeaders takes the state of a stream on. A server may answer with informational heads, so that any number is right.
func (a *audit) passHeaders(side int, name string, h frame.Header) {
	s := a.streams[h.Stream]
	if s == nil && side == serverSide && a.lawless[side] {
		return // its client does not take it for open
	}
	if s == nil {
		if side == serverSide || h.Stream%2 == 0 || h.Stream <= a.last {
			a.breach(side, "%s opens it, and %d was the last", name, a.last)
		}
		a.last = max(a.last, h.Stream)
		s = &auditStream{}
		s.sides[clientSide].credit = a.ends[clientSide].rules.initialWindow + a.early[h.Stream]
		s.sides[serverSide].credit = a.ends[serverSide].rules.initialWindow
		a.streams[h.Stream] = s
		if open, most := a.open(), a.ends[side].rules.maxStreams; open > most {
			a.breach(side, "%s makes %d open streams, %d are allowed", name, open, most)
		}
	} else if s.sides[side].ended {
		a.breach(side, "%s behind its end", name)
	}
	s.sides[side].begun = true
	s.sides[side].ended = s.sides[side].ended || h.Flags.Has(frame.EndStream)
}

// open counts open streams.
func (a *audit) open() (open int) {
	for _, s := range a.streams {
		client, server := &s.sides[clientSide], &s.sides[serverSide]
		if !client.reset && !server.reset && !(client.ended && server.ended) {
			open++
		}
	}
	return open
}

func (a *audit) passSettings(side int, name string, h frame.Header, payload []byte) {
	from, to := &a.ends[side], &a.ends[1-side]
	if !h.Flags.Has(frame.Ack) {
		var settings []frame.Setting
		_ = frame.ParseSettings(h, payload, func(s frame.Setting) error { settings = append(settings, s); return nil }) // some are wrong on purpose
		from.unheard = append(from.unheard, settings)
		return
	}
	if len(to.unheard) == 0 {
		a.breach(side, "%s acknowledges nothing", name)
		return
	}
	before := from.rules.initialWindow
	for _, s := range to.unheard[0] {
		switch s.ID {
		case frame.InitialWindowSize:
			from.rules.initialWindow = int64(s.Value)
		case frame.MaxFrameSize:
			from.rules.maxFrame = int(s.Value)
		case frame.MaxConcurrentStreams:
			from.rules.maxStreams = int(s.Value)
		}
	}
	to.unheard = to.unheard[1:]
	for _, s := range a.streams {
		s.sides[side].credit += from.rules.initialWindow - before
	}
}

// auditedPair returns the ends of two connections with an audit between them.
func auditedPair(t *testing.T) (client, server net.Conn) {
	a := newAudit(t)
	client, clientFar := dialPair(t, "tcp", "127.0.0.1:0")
	serverFar, server := dialPair(t, "tcp", "127.0.0.1:0")
	var relaying sync.WaitGroup
	relaying.Go(func() { a.relay(clientSide, clientFar, serverFar) }) // both end with the connections
	relaying.Go(func() { a.relay(serverSide, serverFar, clientFar) })
	go func() {
		relaying.Wait()
		clientFar.Close()
		serverFar.Close()
	}()
	return client, server
}

// relay hands on whole frames, and the end. Where an end has closed for good, so does the other.
func (a *audit) relay(side int, from, to net.Conn) {
	reader := bufio.NewReader(from)
	copied := make([]byte, len(frame.Preface), 32<<10)
	var err error
	if side == clientSide {
		if _, err = io.ReadFull(reader, copied); err == nil {
			_, err = to.Write(copied)
		}
	}
	for err == nil {
		var n int
		copied = copied[:frame.HeaderBytes]
		if n, err = io.ReadFull(reader, copied); err == nil {
			h := frame.ParseHeader(copied)
			copied = append(copied, make([]byte, h.Length)...)
			n, err = io.ReadFull(reader, copied[frame.HeaderBytes:])
			n += frame.HeaderBytes
			if err == nil {
				a.pass(side, h, copied[frame.HeaderBytes:])
			}
		}
		if _, writeErr := to.Write(copied[:n]); err == nil {
			err = writeErr
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if to.(*net.TCPConn).CloseWrite() == nil {
			return
		}
	}
	from.Close()
	to.Close()
}

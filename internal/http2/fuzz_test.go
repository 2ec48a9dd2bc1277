// SPDX-License-Identifier: Apache-2.0

//go:build unix

package http2

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// socketPair returns two ends of a connection that needs neither a port nor a file.
func socketPair(t *testing.T) (near, far net.Conn) {
	descriptors, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, descriptor := range descriptors {
		file := os.NewFile(uintptr(descriptor), "socket")
		if ends[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	return ends[0], ends[1]
}

// script makes frames of a fuzzer's bytes: some proper, some not.
type script struct {
	rest    []byte
	opened  uint32 // the highest stream, for a client's script
	client  bool
	patient bool // it waits for what comes of it before it hangs up
}

func (s *script) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

func (s *script) bytes(n int) []byte {
	b := make([]byte, n)
	s.rest = s.rest[copy(b, s.rest):]
	return b
}

// stream names one of the last streams, or at times one that is not open.
func (s *script) stream() uint32 { return max(s.opened+2, 16) - 16 + uint32(s.byte()%18) | 1 }

var scriptValues = []uint32{0, 1, 100, 4096, frame.SmallestMaxFrame, defaultWindow, streamWindow, 1 << 20, 1<<31 - 1, 1<<32 - 1}

func (s *script) value() uint32 { return scriptValues[int(s.byte())%len(scriptValues)] }

// block returns a header block that opens a stream, or answers on one, in a style that the other end knows.
func (s *script) block() []byte {
	if s.client {
		return block(":method", "POST", ":scheme", "http", ":path", fmt.Sprint("/", s.byte()), "x", "y")
	}
	return block(":status", []string{"200", "200", "100", "999", "x"}[s.byte()%5])
}

// next returns the next frames; nil at the end.
func (s *script) next() []byte {
	if len(s.rest) == 0 {
		return nil
	}
	end := s.rest[0]&0x80 != 0
	switch s.byte() % 16 {
	case 0, 1, 2:
		if s.client {
			s.opened += 2
			return headers(s.opened, s.block(), end)
		}
		return headers(s.stream(), s.block(), end)
	case 3:
		return frame.AppendData(nil, s.stream(), s.bytes(int(s.byte())), end)
	case 4:
		return frame.AppendData(nil, s.stream(), make([]byte, min(s.value(), frame.SmallestMaxFrame)), end)
	case 5: // padded
		padding := s.byte()
		return join(raw(1+10+int(padding), frame.Data, frame.Padded|frame.Flags(s.byte()&1), s.stream(), padding), make([]byte, 10+int(padding)))
	case 6:
		return frame.AppendResetStream(nil, s.stream(), frame.ErrorCode(s.byte()))
	case 7:
		return frame.AppendWindowUpdate(nil, s.stream(), s.value()&(1<<31-1))
	case 8:
		return frame.AppendWindowUpdate(nil, 0, s.value()&(1<<31-1))
	case 9:
		return frame.AppendSettings(nil, frame.Setting{ID: frame.SettingID(s.byte() % 8), Value: s.value()}, frame.Setting{ID: frame.InitialWindowSize, Value: s.value() >> 1})
	case 10:
		return frame.AppendPing(nil, end, [8]byte(s.bytes(8)))
	case 11:
		return headers(s.stream(), block("x-trailer", "1"), true)
	case 12: // a header block in pieces, which may be anything
		b := s.bytes(int(s.byte() % 64))
		split := int(s.byte()) % (len(b) + 1)
		stream := s.stream()
		return join(raw(split, frame.Headers, frame.Flags(s.byte()&1), stream, b[:split]...),
			raw(len(b)-split, frame.Continuation, frame.EndHeaders, stream, b[split:]...))
	case 13:
		return frame.AppendGoAway(nil, s.value()>>1, frame.ErrorCode(s.byte()), "bye")
	default: // anything at all
		b := s.bytes(int(s.byte() % 32))
		return raw(len(b), frame.Type(s.byte()%12), frame.Flags(s.byte()), s.stream()-uint32(s.byte()&1), b...)
	}
}

// play writes the script and ends the connection. What comes back must keep to the rules, whatever the script says.
func (s *script) play(t *testing.T, nc net.Conn) {
	a, side := newAudit(t), serverSide
	if s.client {
		side = clientSide
	}
	a.lawless[side] = true
	heard, answered := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(heard)
		a.listen(1-side, nc, answered)
	}()
	if s.client {
		s.write(nc, []byte(frame.Preface))
	}
	for frames := frame.AppendSettings(nil); frames != nil; frames = s.next() {
		a.passAll(side, frames)
		if !s.write(nc, frames) {
			break
		}
	}
	if s.patient {
		last := frame.AppendPing(nil, false, lastPing)
		a.passAll(side, last)
		if s.write(nc, last) {
			select {
			case <-answered:
			case <-heard: // the script was a breach
			}
		}
	}
	nc.Close()
	<-heard
}

// lastPing is at the end of a patient script, which waits for the answer.
var lastPing = [8]byte{'t', 'h', 'e', ' ', 'l', 'a', 's', 't'}

func (s *script) write(nc net.Conn, b []byte) bool {
	_, err := nc.Write(b)
	return err == nil
}

// passAll passes frames that are said in one breath.
func (a *audit) passAll(side int, frames []byte) {
	for len(frames) >= frame.HeaderBytes {
		h := frame.ParseHeader(frames)
		end := min(frame.HeaderBytes+h.Length, len(frames))
		a.pass(side, h, frames[frame.HeaderBytes:end])
		frames = frames[end:]
	}
}

// listen passes what comes from one side, to the end of the connection. It closes answered with the answer of lastPing.
func (a *audit) listen(side int, from io.Reader, answered chan<- struct{}) {
	reader := bufio.NewReader(from)
	if side == clientSide {
		reader.Discard(len(frame.Preface))
	}
	header := make([]byte, frame.HeaderBytes)
	for {
		if _, err := io.ReadFull(reader, header); err != nil {
			return
		}
		h := frame.ParseHeader(header)
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(reader, payload); err != nil {
			return
		}
		a.pass(side, h, payload)
		if h.Type == frame.Ping && h.Flags.Has(frame.Ack) && string(payload) == string(lastPing[:]) && answered != nil {
			close(answered)
			answered = nil
		}
	}
}

// fuzzPair returns a connection of either kind.
func fuzzPair(t *testing.T, s *script) (near, far net.Conn) {
	kind := s.byte()
	s.patient = kind&2 != 0
	if kind&1 == 0 {
		return net.Pipe()
	}
	return socketPair(t)
}

// fuzzServer serves in as many ways as there are. Its streams are counted.
type fuzzServer struct{ handling sync.WaitGroup }

func (h *fuzzServer) Ended(*ServerStream, error) {}
func (h *fuzzServer) Overdue(s *ServerStream)    { s.Reset(frame.Cancel) }

func (h *fuzzServer) Accept(s *ServerStream) {
	style := fuzzStyle(s)
	h.handling.Add(1)
	run := func(s *ServerStream, reading bool) {
		if style&8 == 0 || !reading || !s.Inline() {
			h.Detach(s)
		}
	}
	if style&0x80 != 0 {
		s.SetDeadline(time.Now().Add(time.Duration(style&7) * 100 * time.Microsecond))
	}
	switch style >> 4 & 3 {
	case 0:
		s.OnReady(int(style)*100, run)
	case 1:
		s.OnEnd(int(style)*1000, run, false)
	default:
		run(s, false)
	}
}

// Handle serves on the reader goroutine.
func (h *fuzzServer) Handle(s *ServerStream, _ *Run) {
	defer h.handling.Done()
	defer s.Release()
	fuzzServe(s, fuzzStyle(s))
}

func (h *fuzzServer) Detach(s *ServerStream) { go h.Handle(s, nil) }
func (h *fuzzServer) Stuck(*ServerStream)    {}

// fuzzStyle returns how a request wants to be served.
func fuzzStyle(s *ServerStream) (style byte) {
	fmt.Sscanf(s.Request().Get(":path"), "/%d", &style)
	return style
}

func fuzzServe(s *ServerStream, style byte) {
	ctx := context.Background()
	switch style % 8 {
	case 0:
		if s.WantEnd(ctx, 100_000) == nil {
			s.Answer(okHead, s.Next(s.Buffered()), okTrailers)
		}
	case 1:
		s.Answer(okHead, make([]byte, 5000), okTrailers)
	case 2:
		s.Start(okHead)
		for s.Want(ctx, 10) == nil && s.Send(s.Next(10)) == nil {
		}
		s.Finish(nil)
	case 3:
		s.Start(okHead)
		b := make([]byte, 100)
		for n, err := s.Into(ctx, b); ; n, err = s.Into(ctx, b) {
			if s.Send(b[:n]) != nil || err != nil {
				break
			}
		}
		s.Finish(okTrailers)
	case 4:
		s.Answer(okHead, make([]byte, 300_000), nil)
	case 5:
		s.Want(ctx, 5)
		s.Abort(errors.New("given up"))
	case 6:
		s.Want(ctx, 1<<20)
	}
}

// ended waits, and ends the test binary if that is in vain.
func ended(t *testing.T, what string, wait func(), ends ...*Conn) {
	done := make(chan struct{})
	go watchdog(t, done, 0, ends...)
	wait()
	close(done)
}

// FuzzServer plays any frames to a server. It must end when the connection does, with nothing left.
func FuzzServer(f *testing.F) {
	seedScripts(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &script{rest: data, client: true, opened: 1<<32 - 1}
		clientEnd, serverEnd := fuzzPair(t, s)
		handler := &fuzzServer{}
		options := Options{MaxConcurrentStreams: 1 + int(s.byte()%10), Budget: NewBudget(int64(s.value()))}
		options.Standby = new(Standby)
		server := NewServer(serverEnd, handler, options)
		var serving sync.WaitGroup
		serving.Go(func() { serve(server) })
		if s.byte()&7 == 0 {
			serving.Go(server.GoAway)
		}
		ended(t, "the server", func() {
			s.play(t, clientEnd)
			serving.Wait()
			handler.handling.Wait()
		}, server)
		nothingLeft(t, server, server)
	})
}

// FuzzClient plays any frames to a client that makes some calls.
func FuzzClient(f *testing.F) {
	seedScripts(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &script{rest: data}
		clientEnd, serverEnd := fuzzPair(t, s)
		options := Options{Budget: NewBudget(int64(s.value()))}
		var playing, calling sync.WaitGroup
		playing.Go(func() {
			s.play(t, serverEnd)
		})
		client, err := NewClient(context.Background(), clientEnd, options)
		if err == nil {
			for i := range 6 {
				calling.Go(func() { fuzzCall(client, i) })
			}
			ended(t, "the calls", calling.Wait, client)
			client.Close(nil)
			nothingLeft(t, client, client)
		}
		ended(t, "the script", playing.Wait)
	})
}

func fuzzCall(c *Conn, style int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(style)*time.Millisecond+time.Second)
	defer cancel()
	s, err := c.Open(ctx, postHead, make([]byte, style*20_000), style%2 == 0)
	if err != nil {
		return
	}
	defer s.Close()
	switch style % 3 {
	case 0:
		s.WantEnd(ctx, 100_000)
	case 1:
		s.Send(ctx, make([]byte, 1000), true)
		for s.Want(ctx, 10) == nil {
			s.Next(10)
		}
		s.Trailers()
	case 2:
		s.Head(ctx)
		s.Into(ctx, make([]byte, 50_000))
	}
}

func seedScripts(f *testing.F) {
	f.Add([]byte{0, 3, 5, 1, 0, 1, 0x83, 10, 'a', 'b', 0x80, 2, 9, 1, 0, 8, 7, 1, 4})
	f.Add([]byte{1, 9, 9, 1, 0, 6, 0x84, 5, 15, 6, 15, 8, 7, 8, 1, 9, 4, 0, 0, 9, 4, 8, 0})
	f.Add([]byte{1, 0, 0, 0, 0, 16, 0, 32, 0, 48, 0x80, 4, 0x80, 2, 5, 200, 0, 15, 5, 200, 1, 13, 11, 15, 13, 1, 1})
	f.Add([]byte{0, 1, 9, 1, 12, 30, 1, 2, 3, 4, 14, 20, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 15, 10, 1, 2, 3, 4, 5, 6, 7, 8})
}

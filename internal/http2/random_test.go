// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// The random model: exchanges whose two ends do as a seed says, many at a time on one connection, while SETTINGS change.
// Every byte is checked at both ends, and in the end nothing may be left: no stream, no byte in a budget, no credit.

var (
	firstSeed  = flag.Uint64("seed", 1, "the first seed of the random model")
	seedsOfRun = flag.Uint64("seeds", 2, "how many seeds the random model runs over each kind of connection")
)

// How a server treats a request.
const (
	serveWhole  = iota // waits for the whole body, then answers
	serveOnEnd         // the same, started by OnEnd
	serveStream        // reads and answers in turns
	serveEarly         // answers before it has read everything
	serveAbort         // gives up after a while
	serveLeave         // releases the stream without an answer
	serveLate          // waits until its deadline makes it give up
	serveStyles
)

// How a client makes a request.
const (
	callWhole  = iota // the body in Open, then the whole answer
	callStream        // sends and reads at the same time
	callCancel        // either, with a context that ends at some time
	callClose         // reads some of the answer and leaves
	callStyles
)

// plan is what both ends of an exchange know of it.
type plan struct {
	seed              uint64
	serve, call       int
	request, response int // bytes
	reads             int // of the request, before serveEarly and serveAbort do what they do; of the answer, for callClose
	random            func(end uint64) *rand.Rand
}

func makePlan(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 1))
	size := func() int {
		switch random.IntN(12) {
		case 0:
			return 0
		case 1, 2:
			return random.IntN(900 << 10)
		case 3, 4, 5:
			return random.IntN(70 << 10)
		}
		return random.IntN(6 << 10)
	}
	p := plan{seed: seed, serve: random.IntN(serveStyles), call: random.IntN(callStyles), request: size(), response: size()}
	if random.IntN(2) == 0 { // half of the exchanges are meant to succeed
		p.serve, p.call = random.IntN(serveEarly+1), random.IntN(callStream+1)
	}
	if p.call != callStream && p.serve > serveOnEnd {
		p.response %= 60_000 // who waits in Open reads nothing: more than the windows hold would be a deadlock of their own making
	}
	p.reads = random.IntN(max(p.request, p.response) + 1)
	p.random = func(end uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, end)) }
	return p
}

// peaceful says that neither end gives up.
func (p plan) peaceful() bool { return p.serve <= serveEarly && p.call <= callStream }

// randomHead is one of some heads of answers, each of which enters the compression table, and randomTrailers name a field
// that is there.
func randomHead(seed uint64) exchange.Head {
	return exchange.Head{Fixed: randomHeads[seed%uint64(len(randomHeads))]}
}

var (
	randomHeads = func() (heads [40]*exchange.Fixed) {
		for i := range heads {
			heads[i] = &exchange.Fixed{Fields: []exchange.Field{{Name: ":status", Value: "200"}, {Name: "x-form" + strconv.Itoa(i%2), Value: strconv.Itoa(i)}}}
		}
		return heads
	}()
	randomTrailers = []exchange.Field{{Name: "grpc-status", Value: "0"}, {Name: "x-form0", Value: "trailers"}}
)

// content is the byte at an offset of a body.
func content(seed uint64, offset int) byte { return byte(uint64(offset)*7 + uint64(offset)>>9 + seed) }

func contents(seed uint64, from, to int) []byte {
	b := make([]byte, to-from)
	for i := range b {
		b[i] = content(seed, from+i)
	}
	return b
}

// taker takes a body in random pieces and checks it.
type taker struct {
	body   exchange.Body
	seed   uint64
	random *rand.Rand
	at     int
}

func (k *taker) check(b []byte) {
	for i, got := range b {
		if want := content(k.seed, k.at+i); got != want {
			panic(fmt.Sprintf("seed %d: byte %d is %d, want %d", k.seed, k.at+i, got, want))
		}
	}
	k.at += len(b)
}

// take takes at most limit bytes more, and returns io.EOF behind the last.
func (k *taker) take(ctx context.Context, limit int) error {
	n := 1 + k.random.IntN(limit)
	if k.random.IntN(3) == 0 {
		dst := make([]byte, n)
		got, err := k.body.Into(ctx, dst)
		k.check(dst[:got])
		return err
	}
	err := k.body.Want(ctx, n)
	if err == nil || err == io.EOF {
		n = min(n, k.body.Buffered())
		view := k.body.Next(n)
		if k.random.IntN(8) == 0 {
			time.Sleep(time.Duration(k.random.IntN(200)) * time.Microsecond) // the view must stay whole meanwhile
		}
		k.check(view)
	}
	return err
}

// upTo takes n bytes, or all there are.
func (k *taker) upTo(ctx context.Context, n int) error {
	for k.at < n {
		if err := k.take(ctx, n-k.at); err != nil {
			return err
		}
	}
	return nil
}

// unseen says that the server never saw the request.
func unseen(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Unprocessed
}

// makeExchange makes the request of a plan and checks the answer. It returns nil if the exchange was to succeed and did,
// or was not and did what it liked.
func makeExchange(ctx context.Context, c *Conn, p plan) error {
	random := p.random(3)
	if p.call == callCancel {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(5000))*time.Microsecond)
		defer cancel()
	}
	head := postHead
	head.Fields = []exchange.Field{{Name: "x-seed", Value: strconv.FormatUint(p.seed, 10)}}
	first := p.request
	if p.call == callStream || p.call >= callCancel && random.IntN(2) == 0 {
		first = random.IntN(min(p.request, 60_000) + 1)
	}
	body := contents(p.seed, 0, first)
	s, err := c.Open(ctx, head, body, first == p.request)
	for ; err == ErrStreamLimit; s, err = c.Open(ctx, head, body, first == p.request) {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer s.Recycle()
	sending := make(chan error, 1)
	go func(random *rand.Rand) { sending <- sendRemaining(ctx, s, p, first, random) }(p.random(4))
	err = readAnswer(ctx, s, p, random)
	if p.call == callClose || err != nil {
		s.Close()
	}
	sent := <-sending
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if sent != nil {
		return fmt.Errorf("sending: %w", sent)
	}
	return nil
}

// smallPieces says that what is left of a body is sent in small pieces, as messages are.
func smallPieces(left int, random *rand.Rand) bool { return left <= 10<<10 || random.IntN(20) == 0 }

// spared returns piece, or the same in memory of the stream's that was lent for it.
func spared(s *stream, piece []byte, random *rand.Rand) []byte {
	if random.IntN(2) == 0 {
		return piece
	}
	spare := s.Spare()
	if len(spare) < len(piece) {
		return piece
	}
	return spare[:copy(spare, piece)]
}

func sendRemaining(ctx context.Context, s *ClientStream, p plan, from int, random *rand.Rand) error {
	small := smallPieces(p.request-from, random)
	for from < p.request {
		most := 100 << 10
		if small {
			most = 300
		}
		to := from + 1 + random.IntN(min(p.request-from, most))
		if err := s.Send(ctx, spared(&s.stream, contents(p.seed, from, to), random), to == p.request); err == io.EOF {
			return nil // answered before it was all asked
		} else if err != nil {
			return err
		}
		from = to
	}
	return nil
}

func readAnswer(ctx context.Context, s *ClientStream, p plan, random *rand.Rand) error {
	body := taker{body: s, seed: p.seed + 1, random: random}
	if p.call == callClose {
		body.upTo(ctx, min(p.reads, p.response))
		return nil
	}
	if random.IntN(2) == 0 {
		if _, err := s.Head(ctx); err != nil {
			return err
		}
	}
	if random.IntN(2) == 0 {
		if err := s.WantEnd(ctx, plenty); err != nil {
			return err
		}
		body.check(s.Next(s.Buffered()))
	} else {
		for {
			if err := body.take(ctx, 50<<10); err == io.EOF {
				break
			} else if err != nil {
				return err
			}
		}
	}
	if body.at != p.response {
		panic(fmt.Sprintf("seed %d: an answer of %d bytes, want %d", p.seed, body.at, p.response))
	}
	if trailers := s.Trailers(); !slices.Equal(trailers, randomTrailers) {
		panic(fmt.Sprintf("seed %d: trailers %v", p.seed, trailers))
	}
	return nil
}

// announce makes c send SETTINGS in the middle of everything.
func announce(c *Conn, settings ...frame.Setting) {
	c.mu.Lock()
	if c.err == nil {
		c.fast = frame.AppendSettings(c.fast, settings...)
	}
	c.flush()
}

// unsettle changes both ends' settings until stop is closed, and leaves them as they were.
func unsettle(stop <-chan struct{}, random *rand.Rand, ends ...*Conn) {
	for {
		select {
		case <-stop:
			for _, c := range ends {
				if c.options.MaxWindow == 0 {
					announce(c, frame.Setting{ID: frame.InitialWindowSize, Value: uint32(c.options.StreamWindow)})
				}
			}
			return
		case <-time.After(time.Duration(random.IntN(2000)) * time.Microsecond):
		}
		c := ends[random.IntN(len(ends))]
		window := uint32(c.options.StreamWindow)
		windows, tables := []uint32{0, 1, 1000, window / 9, window, window}, []uint32{0, 64, 200, 4096}
		for range 1 + random.IntN(3) {
			table := min(tables[random.IntN(len(tables))], uint32(c.options.HeaderTableBytes))
			settings := []frame.Setting{{ID: frame.HeaderTableSize, Value: table}}
			if c.options.MaxWindow == 0 { // one that grows is the engine's to announce
				settings = append(settings, frame.Setting{ID: frame.InitialWindowSize, Value: windows[random.IntN(len(windows))]})
			}
			announce(c, settings...)
		}
	}
}

// watchdog ends the test binary if done is not closed in time, and says who waits for what: there is a stall.
func watchdog(t *testing.T, done <-chan struct{}, seed uint64, ends ...*Conn) {
	select {
	case <-done:
		return
	case <-time.After(2 * time.Minute): // long, since a machine may have much else to do, and some seeds go byte by byte
	}
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	for _, c := range ends {
		describe(c)
	}
	panic(fmt.Sprintf("%s: seed %d stalls", t.Name(), seed))
}

func describe(c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(os.Stderr, "a connection: error %v, credit %d, window %+v, budget %d of %d, writing %v, unwritten %d and %d, %d wait for room, initial window %d\n",
		c.err, c.credit.credit, c.window, c.options.Budget.Used(), c.options.Budget.limit, c.writing, len(c.fast), len(c.bulk), len(c.room), c.settings.initialWindow)
	for s := range c.streams.all() { // without their locks: whoever holds one may be what stalls
		fmt.Fprintf(os.Stderr, "  stream %d: credit %d, window %+v, want %+v, buffered %d, held %d, sender %v, waiter %v, sendEnded %v, peerDone %v, ended %v, failure %v, head %v\n",
			s.id, s.credit.credit, s.window, s.want, s.buffered(), s.held, s.sender != nil, s.waiter != nil, s.sendEnded, s.peerDone, s.ended, s.failure, s.head.Fields)
	}
}

// randomPair returns two ends of a connection, sometimes with socket buffers that hold little.
func randomPair(t *testing.T, pair func(*testing.T) (net.Conn, net.Conn), random *rand.Rand) (client, server net.Conn) {
	client, server = pair(t)
	for _, nc := range []net.Conn{client, server} {
		if tcp, ok := nc.(*net.TCPConn); ok && random.IntN(2) == 0 {
			tcp.SetWriteBuffer(4 << 10)
		}
	}
	return client, server
}

func randomOptions(t *testing.T, random *rand.Rand) Options {
	options := Options{Timed: random.IntN(2) == 0, Tap: &order{t, make(map[uint32]bool), make(map[uint32]bool)}}
	options.MaxWindow = -1
	if random.IntN(2) == 0 {
		options.StreamWindow, options.ConnectionWindow, options.MaxWindow = 64<<10, 128<<10, 1<<20 // 60,000 bytes must fit, see makePlan
	}
	if random.IntN(2) == 0 {
		options.MaxFrameBytes, options.HeaderTableBytes = 16<<10+random.IntN(1<<20), random.IntN(20_000)
	}
	if random.IntN(3) == 0 {
		options.Budget = NewBudget(int64(random.IntN(1 << 20)))
	}
	return options
}

// TestRandomExchanges runs the model over connections that live.
func TestRandomExchanges(t *testing.T) {
	everySeed(t, func(t *testing.T, r *randomRun) {
		r.exchange(nil)
		for last := r.seed << 40; ; last++ { // it goes behind every request that was given up before the server saw it
			if p := makePlan(last); p.call == callWhole && p.serve == serveWhole {
				err := makeExchange(context.Background(), r.client, p)
				for r.handler.few && unseen(err) { // as long as the server serves what was given up
					err = makeExchange(context.Background(), r.client, p)
				}
				if err != nil {
					r.handler.failed(p, "the last client", err)
				}
				break
			}
		}
		nothingLeft(t, r.client, r.server)
	})
}

// TestRandomGoAway lets the server go away in the middle of it: what it accepts it answers, and for the rest the client is
// told that it was never seen.
func TestRandomGoAway(t *testing.T) {
	everySeed(t, func(t *testing.T, r *randomRun) {
		r.handler.leaving = true
		r.exchange(r.server.GoAway)
		<-r.server.Done()
		<-r.client.Done()
		nothingLeft(t, r.client, r.server)
	})
}

// TestRandomEnds cuts the connection in some way in the middle of it: everybody hears of it, and nothing is left.
func TestRandomEnds(t *testing.T) {
	everySeed(t, func(t *testing.T, r *randomRun) {
		r.handler.leaving, r.handler.cut = true, true
		r.exchange([]func(){
			func() { r.client.Close(nil) },
			func() { r.server.Close(errors.New("a test's own reason")) },
			func() { r.client.nc.Close() },
			func() { r.server.nc.Close() },
			func() { announce(r.client, frame.Setting{ID: frame.EnablePush, Value: 7}) }, // a breach
			func() { announce(r.server, frame.Setting{ID: frame.MaxFrameSize, Value: 1}) },
			func() { r.server.GoAway(); r.client.Close(nil) },
		}[r.random.IntN(7)])
		<-r.server.Done()
		<-r.client.Done()
		nothingLeft(t, r.client, r.server)
	})
}

// randomRun is one connection under the model.
type randomRun struct {
	t              *testing.T
	seed           uint64
	random         *rand.Rand
	handler        *randomServer
	client, server *Conn
}

// everySeed calls body for every kind of connection and every seed, and sees to it that it ends.
func everySeed(t *testing.T, body func(t *testing.T, r *randomRun)) {
	pairs := maps.Clone(modes)
	pairs["audited"] = auditedPair
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			for seed := *firstSeed; seed < *firstSeed+*seedsOfRun; seed++ {
				random := rand.New(rand.NewPCG(seed, 0))
				clientEnd, serverEnd := randomPair(t, pair, random)
				options := [2]Options{randomOptions(t, random), randomOptions(t, random)}
				options[1].Standby = new(Standby)
				handler := &randomServer{t: t, tight: options[0].Budget != nil || options[1].Budget != nil, few: random.IntN(3) == 0}
				if handler.few {
					options[1].MaxConcurrentStreams = 1 + random.IntN(20)
				}
				client, server := connect(t, clientEnd, serverEnd, handler, options[0], options[1])
				done := make(chan struct{})
				go watchdog(t, done, seed, client, server)
				body(t, &randomRun{t, seed, random, handler, client, server})
				close(done)
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

// exchange makes exchanges, many at a time, while SETTINGS change: with most seeds, since each SETTINGS wakes whoever was
// forgotten. After a while it calls end.
func (r *randomRun) exchange(end func()) {
	stop, settled, calm := make(chan struct{}), make(chan struct{}), r.random.IntN(3) == 0
	go func() {
		if !calm {
			unsettle(stop, rand.New(rand.NewPCG(r.seed, 9)), r.client, r.server)
		}
		close(settled)
	}()
	var wait sync.WaitGroup
	for worker := range 1 + r.random.IntN(40) {
		wait.Go(func() {
			for i := range 25 {
				p := makePlan(r.seed<<32 | uint64(worker)<<16 | uint64(i))
				if err := makeExchange(context.Background(), r.client, p); err != nil {
					r.handler.failed(p, "the client", err)
				}
			}
		})
	}
	if end != nil {
		time.Sleep(time.Duration(r.random.IntN(100_000)) * time.Microsecond)
		end()
	}
	wait.Wait()
	close(stop)
	<-settled
}

// order is a Tap that checks the order of the frames that come. A Conn's reader alone calls it.
type order struct {
	t             *testing.T
	ended, resets map[uint32]bool
}

func (o *order) Head(*Conn, bool, uint32, exchange.Head, []byte) {}

func (o *order) Frame(_ *Conn, sent bool, h frame.Header, _ []byte) {
	if sent || h.Stream == 0 { // what is sent is seen when it is appended, and bulk leaves later
		return
	}
	if o.resets[h.Stream] {
		o.t.Errorf("%v on stream %d behind RST_STREAM", h.Type, h.Stream)
	}
	switch h.Type {
	case frame.Data, frame.Headers:
		if o.ended[h.Stream] {
			o.t.Errorf("%v on stream %d behind END_STREAM", h.Type, h.Stream)
		}
		if h.Flags.Has(frame.EndStream) {
			o.ended[h.Stream] = true
		}
	case frame.ResetStream:
		o.resets[h.Stream] = true
	}
}

// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// How a call is disturbed.
const (
	undisturbed = iota
	canceled
	overdue
	left // the caller leaves the loop, or closes the stream
	disturbances
)

var disturbanceNames = [disturbances]string{"undisturbed", "cancelled", "overdue", "left"}

// kindNames are the kinds of call; a conversation is a two-way call from two goroutines.
var kindNames = [...]string{"unary", "server stream", "client stream", "two-way", "conversation"}

// counts are what a load has done.
type counts struct {
	calls      [len(kindNames)][disturbances]atomic.Int64
	succeeded  atomic.Int64
	broken     atomic.Int64 // calls whose connection was cut, or whose channel was closed
	messages   atomic.Int64 // received and checked
	bytes      atomic.Int64
	cuts       atomic.Int64 // connections
	closes     atomic.Int64 // channels
	dials      atomic.Int64
	wrong      atomic.Int64
	complained atomic.Int32
	dumped     sync.Once
	complain   func(format string, args ...any)
}

// dump shows, once, what every goroutine does while a call hangs.
func (c *counts) dump() {
	c.dumped.Do(func() {
		fmt.Fprintf(os.Stderr, "soak: a call has not ended after %v; what every goroutine does:\n", hanging/2)
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2) // what is wrong with it nobody can do anything about
	})
}

// fail notes an answer that is wrong or lost.
func (c *counts) fail(format string, args ...any) {
	c.wrong.Add(1)
	if c.complained.Add(1) <= 20 {
		c.complain(format, args...)
	}
}

func (c *counts) took(got *rulespb.Item) {
	c.messages.Add(1)
	c.bytes.Add(int64(len(got.GetPayload())))
}

// side is one of the two ways to the server.
type side struct {
	address string
	tls     *tls.Config // nil for plaintext
}

// channel is a client.Conn that is replaced now and then, if it is a rough one. The connections of a rough one are cut.
type channel struct {
	side   side
	rough  bool
	counts *counts

	mu          sync.Mutex
	conn        *client.Conn
	connections map[net.Conn]struct{}
}

func newChannel(s side, rough bool, c *counts) (*channel, error) {
	ch := &channel{side: s, rough: rough, counts: c, connections: map[net.Conn]struct{}{}}
	return ch, ch.open()
}

// open makes a channel anew, and closes the one that there was.
func (ch *channel) open() error {
	conn, err := client.New(ch.side.address, client.Options{
		TLS: ch.side.tls, Plaintext: ch.side.tls == nil, Dialer: ch.dial, Logger: slog.New(slog.DiscardHandler),
		Backoff: client.Backoff{First: time.Millisecond, Longest: 10 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	ch.mu.Lock()
	last := ch.conn
	ch.conn = conn
	ch.mu.Unlock()
	if last != nil {
		return last.Close()
	}
	return nil
}

func (ch *channel) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		ch.counts.dials.Add(1)
		ch.mu.Lock()
		if len(ch.connections) > 16 { // most of them have ended
			clear(ch.connections)
		}
		ch.connections[nc] = struct{}{}
		ch.mu.Unlock()
	}
	return nc, err
}

func (ch *channel) current() *client.Conn {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch.conn
}

// disturb cuts connections of a rough channel, and closes it, until ctx ends.
func (ch *channel) disturb(ctx context.Context, dice *rand.Rand) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(20+dice.IntN(400)) * time.Millisecond):
		}
		if dice.IntN(4) == 0 {
			ch.counts.closes.Add(1)
			if err := ch.open(); err != nil {
				ch.counts.fail("a channel cannot be opened: %v", err)
			}
			continue
		}
		ch.mu.Lock()
		for nc := range ch.connections {
			ch.counts.cuts.Add(1)
			if dice.IntN(2) == 0 {
				_ = nc.(*net.TCPConn).SetLinger(0) // fails if it has ended
			}
			nc.Close()
			delete(ch.connections, nc)
			break
		}
		ch.mu.Unlock()
	}
}

// hanging is how long a call may take that nobody disturbs: it is lost then.
const hanging = time.Minute

// work makes calls, one after the other, until ctx ends.
func (ch *channel) work(ctx context.Context, dice *rand.Rand) {
	for ctx.Err() == nil {
		kind, disturbance := dice.IntN(len(kindNames)), undisturbed
		if dice.IntN(2) == 0 {
			disturbance = dice.IntN(disturbances)
		}
		number := dice.Int64N(1 << 39)
		conn := ch.current()
		err := ch.disturbed(dice, disturbance, func(ctx context.Context) error {
			return ch.call(ctx, conn, kind, number, disturbance == left)
		})
		ch.counts.calls[kind][disturbance].Add(1)
		ch.judge(err, kind, disturbance)
	}
}

// disturbed makes a call whose context ends at a random moment, if it is to be disturbed so, and otherwise when it hangs.
func (ch *channel) disturbed(dice *rand.Rand, disturbance int, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), hanging)
	defer cancel()
	defer time.AfterFunc(hanging/2, ch.counts.dump).Stop()
	moment := time.Duration(dice.ExpFloat64() * float64(2*time.Millisecond))
	switch disturbance {
	case canceled:
		defer time.AfterFunc(moment, cancel).Stop()
	case overdue:
		ctx, cancel = context.WithTimeout(ctx, moment)
		defer cancel()
	}
	return call(ctx)
}

// errLeft is the outcome of a call that its caller has left.
var errLeft = errors.New("left")

// judge finds out whether a call ended as it may.
func (ch *channel) judge(err error, kind, disturbance int) {
	code := farcall.CodeOf(err)
	switch {
	case err == nil:
		ch.counts.succeeded.Add(1)
	case err == errLeft && disturbance == left:
	case disturbance == canceled && code == farcall.Canceled && errors.Is(err, context.Canceled):
	case disturbance == overdue && code == farcall.DeadlineExceeded && errors.Is(err, context.DeadlineExceeded):
	case ch.rough && (code == farcall.Unavailable || code == farcall.Canceled):
		ch.counts.broken.Add(1)
	default:
		ch.counts.fail("%s, %s: %v", kindNames[kind], disturbanceNames[disturbance], err)
	}
}

// call makes one call and checks all that comes back.
func (ch *channel) call(ctx context.Context, conn *client.Conn, kind int, number int64, leave bool) error {
	rules := rulespb.NewRulesStub(conn)
	sent := func(yield func(*rulespb.Item, error) bool) {
		for i := range length(number) {
			if !yield(message(number+i), nil) {
				return
			}
		}
	}
	switch kind {
	case 0:
		got, err := rules.Get(ctx, message(number))
		return ch.one(got, err, number)
	case 1:
		return ch.many(rules.List(ctx, message(number)), number, leave)
	case 2:
		got, err := rules.Collect(ctx, sent)
		return ch.one(got, err, number)
	case 3:
		return ch.many(rules.Talk(ctx, sent), number, leave)
	}
	return ch.converse(ctx, conn, number, leave)
}

func (ch *channel) one(got *rulespb.Item, err error, number int64) error {
	if err != nil {
		return err
	}
	ch.counts.took(got)
	if !right(got, answered(number)) {
		return fmt.Errorf("the answer to %d is number %d with %d bytes", number, got.GetNumber(), len(got.GetPayload()))
	}
	return nil
}

func (ch *channel) many(result iter.Seq2[*rulespb.Item, error], number int64, leave bool) error {
	received := int64(0)
	for got, err := range result {
		if err := ch.next(got, err, number, &received); err != nil {
			return err
		}
		if leave && received > length(number)/2 {
			return errLeft
		}
	}
	return whole(number, received)
}

func (ch *channel) next(got *rulespb.Item, err error, number int64, received *int64) error {
	if err != nil {
		return err
	}
	ch.counts.took(got)
	if !right(got, answered(number+*received)) {
		return fmt.Errorf("message %d of the answer to %d is number %d with %d bytes", *received, number, got.GetNumber(), len(got.GetPayload()))
	}
	*received++
	return nil
}

func whole(number, received int64) error {
	if received != length(number) {
		return fmt.Errorf("%d messages answer %d, there should be %d", received, number, length(number))
	}
	return nil
}

// converse is a two-way call from two goroutines.
func (ch *channel) converse(ctx context.Context, conn *client.Conn, number int64, leave bool) error {
	stream, err := rulespb.OpenRulesTalk(ctx, conn)
	if err != nil {
		return err
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	defer stream.Close()
	sending.Go(func() {
		for i := range length(number) {
			if stream.Send(message(number+i)) != nil {
				return
			}
		}
		_ = stream.CloseSend() // Receive says how the call ended
	})
	for received := int64(0); ; {
		got, err := stream.Receive()
		if err == io.EOF {
			return whole(number, received)
		}
		if err := ch.next(got, err, number, &received); err != nil {
			return err
		}
		if leave && received > length(number)/2 {
			return errLeft
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
)

// errClosed is what calls fail with after Close.
var errClosed = errors.New("the client.Conn was closed")

// pool holds the connections to one target.
//
//	         a call comes            dialled
//	idle ────────────────► connecting ─────────► ready
//	 ▲                      │      ▲               │ every connection has ended
//	 │ the pause is over    │      └───────────────┘ and a call comes
//	 └────────── in backoff ◄ failed
//
// (grpc/grpc doc/connectivity-semantics-and-api.md calls them IDLE, CONNECTING, READY and TRANSIENT_FAILURE.)
type pool struct {
	connect func(context.Context) (*http2.Conn, error)
	most    int
	backoff Backoff
	life    context.Context // of dials; ends with close
	end     context.CancelFunc

	// current is the connection that calls try first.
	current atomic.Pointer[http2.Conn]
	// waiting is the number of waiters, so that a call that ends looks for them without the lock.
	waiting atomic.Int32

	mu          sync.Mutex // guards what follows
	connections []*http2.Conn
	dialing     *dialing // nil when no dial is under way
	failures    int      // dials in a row
	failure     error    // of the last
	retryAt     time.Time
	waiters     []*slotWaiter // calls that wait for others to end, first come first
	closed      bool
}

// dialing is a dial that any number of calls wait for, each as long as its own context lets it.
type dialing struct {
	done chan struct{} // closed when what follows is set
	conn *http2.Conn
	err  error
}

// slotWaiter is a call that waits for another to end.
type slotWaiter struct {
	freed chan struct{} // has room for the one signal
}

func newPool(connect func(context.Context) (*http2.Conn, error), most int, backoff Backoff) *pool {
	p := &pool{connect: connect, most: most, backoff: backoff}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// open opens a stream on a connection that has room for it, and connects if need be. Nothing was sent if it fails with
// an errUnconnected or with ctx's error. avoid is a connection on which the call has failed already, nil for none.
func (p *pool) open(ctx context.Context, head exchange.Head, body []byte, end bool, avoid *http2.Conn) (*http2.ClientStream, error) {
	if conn := p.current.Load(); conn != nil && conn != avoid {
		stream, err := conn.Open(ctx, head, body, end)
		if err == nil || !unsent(err) {
			return stream, err
		}
	}
	return p.openElsewhere(ctx, head, body, end, avoid)
}

// unsent reports whether another connection may take what Open has refused.
func unsent(err error) bool {
	var failure *http2.Error
	return err == http2.ErrStreamLimit || errors.As(err, &failure) && failure.Unprocessed
}

// mostDials bounds the connections that one call opens: a server that accepts them and goes away at once must not keep
// a call busy.
const mostDials = 3

// recheck is how often a call that waits for others to end looks itself: a server may raise its limit.
const recheck = 250 * time.Millisecond

// openElsewhere tries all connections, then opens another, and at the bound waits for calls to end.
func (p *pool) openElsewhere(ctx context.Context, head exchange.Head, body []byte, end bool, avoid *http2.Conn) (*http2.ClientStream, error) {
	var waiter *slotWaiter
	defer func() { p.leave(waiter) }()
	for dials := 0; ; {
		usable := p.usable(avoid)
		for _, conn := range usable {
			stream, err := conn.Open(ctx, head, body, end)
			if err == nil {
				p.current.Store(conn)
			}
			if err == nil || !unsent(err) {
				return stream, err
			}
		}
		if dials == mostDials && len(usable) == 0 {
			return nil, unconnected{fmt.Errorf("the server accepted %d connections and took no call on any", dials)}
		}
		if dials < mostDials {
			dialled, err := p.dial(ctx)
			if dialled {
				dials++
				continue
			}
			if err != nil && (len(usable) == 0 || ctx.Err() != nil) {
				return nil, err
			}
		}
		avoid = nil // there is no other
		if waiter == nil {
			waiter = p.enter() // and try once more, since a call may have ended just before
			continue
		}
		select {
		case <-waiter.freed:
			waiter = p.enter()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.life.Done():
			return nil, unconnected{errClosed}
		case <-time.After(recheck):
		}
	}
}

// usable returns the connections that take calls, those with the fewest first, and forgets those that have ended.
func (p *pool) usable(avoid *http2.Conn) []*http2.Conn {
	p.mu.Lock()
	p.connections = slices.DeleteFunc(p.connections, func(conn *http2.Conn) bool { return !conn.Available() })
	usable := slices.Clone(p.connections)
	p.mu.Unlock()
	usable = slices.DeleteFunc(usable, func(conn *http2.Conn) bool { return conn == avoid })
	if len(usable) > 1 {
		slices.SortStableFunc(usable, func(a, b *http2.Conn) int { return a.Active() - b.Active() })
	}
	return usable
}

// unconnected is the error of a call for which there is no connection.
type unconnected struct{ error }

func (u unconnected) Unwrap() error { return u.error }

// dial waits for a new connection, and reports whether it is there. Without an error there are as many as there may be.
func (p *pool) dial(ctx context.Context) (bool, error) {
	d, err := p.join()
	if d == nil {
		return false, err
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if d.err != nil {
		return false, unconnected{d.err}
	}
	return true, nil
}

// join returns the dial that is under way, or begins one if that is allowed now.
func (p *pool) join() (*dialing, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, unconnected{errClosed}
	case p.dialing != nil:
		return p.dialing, nil
	case len(p.connections) >= p.most:
		return nil, nil
	}
	if wait := time.Until(p.retryAt); wait > 0 {
		return nil, unconnected{fmt.Errorf("%w (failed %d times, the next attempt is in %v)", p.failure, p.failures, wait.Round(time.Millisecond))}
	}
	d := &dialing{done: make(chan struct{})}
	p.dialing = d
	go p.run(d) // ends with the dial, which ConnectTimeout and close end
	return d, nil
}

// run dials, and enters the outcome.
func (p *pool) run(d *dialing) {
	conn, err := p.connect(p.life)
	p.mu.Lock()
	p.dialing = nil
	switch {
	case p.closed:
		err = errClosed
	case err != nil:
		p.retryAt = time.Now().Add(p.pause())
		p.failures++
		p.failure = err
	default:
		p.failures, p.failure, p.retryAt = 0, nil, time.Time{}
		p.connections = append(p.connections, conn)
		p.current.Store(conn)
	}
	closed := p.closed
	p.mu.Unlock()
	if closed && conn != nil {
		conn.Close(errClosed)
		conn = nil
	}
	d.conn, d.err = conn, err
	close(d.done)
}

// pause returns how long to wait after one more failure, with mu held.
func (p *pool) pause() time.Duration {
	pause := float64(p.backoff.First)
	for range p.failures {
		if pause *= 1.6; pause >= float64(p.backoff.Longest) {
			break
		}
	}
	pause = min(pause, float64(p.backoff.Longest))
	return time.Duration(pause * (0.8 + 0.4*rand.Float64()))
}

// enter queues a call that waits for others to end.
func (p *pool) enter() *slotWaiter {
	waiter := &slotWaiter{freed: make(chan struct{}, 1)}
	p.mu.Lock()
	p.waiters = append(p.waiters, waiter)
	p.waiting.Store(int32(len(p.waiters)))
	p.mu.Unlock()
	return waiter
}

// leave takes a call out of the queue. A signal that came too late for it is the next one's.
func (p *pool) leave(waiter *slotWaiter) {
	if waiter == nil {
		return
	}
	p.mu.Lock()
	at := slices.Index(p.waiters, waiter)
	if at >= 0 {
		p.waiters = slices.Delete(p.waiters, at, at+1)
		p.waiting.Store(int32(len(p.waiters)))
	}
	p.mu.Unlock()
	if at < 0 {
		p.freed()
	}
}

// freed is told that a call has ended, and lets the first in the queue try.
func (p *pool) freed() {
	if p.waiting.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiters) == 0 {
		return
	}
	first := p.waiters[0]
	p.waiters = slices.Delete(p.waiters, 0, 1)
	p.waiting.Store(int32(len(p.waiters)))
	first.freed <- struct{}{}
}

// close ends every connection and every wait.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	connections := p.connections
	p.connections = nil
	p.mu.Unlock()
	p.end()
	for _, conn := range connections {
		conn.Close(errClosed)
	}
}

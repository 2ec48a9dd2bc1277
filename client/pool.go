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
//	 ▲                      │      ▲               │ every connection has ended, or has as many calls as the
//	 │ the pause is over    │      └───────────────┘ server takes at a time, and a call comes
//	 └────────── in backoff ◄ failed
//
// (grpc/grpc doc/connectivity-semantics-and-api.md calls them IDLE, CONNECTING, READY and TRANSIENT_FAILURE.) At the bound
// of connections calls wait in a queue (queue.go).
//
// Lock order: a connection's lock comes before mu, since connections tell of changes under theirs. So no method of a
// connection is called under mu.
type pool struct {
	target  string
	connect func(context.Context, *dialing) (*http2.Conn, error)
	most    int
	backoff Backoff
	life    context.Context // ends with close
	end     context.CancelFunc

	// current is the connection that calls try first.
	current atomic.Pointer[http2.Conn]
	// waiting is the length of the queue, so that calls look at it without the lock.
	waiting atomic.Int32

	mu          sync.Mutex // guards what follows
	connections []*http2.Conn
	dialing     *dialing // nil when no dial is under way
	failures    int      // dials in a row
	failure     error    // of the last
	retryAt     time.Time
	queue       []*place // calls that wait for others to end, first come first
	waited      uint64   // how many ever did
	toldAt      time.Time
	closed      bool
	log         func(waiting Stats)
}

// opening is what a call wants of a connection: a stream with this beginning.
type opening struct {
	head exchange.Head
	body []byte
	end  bool
}

func (o opening) on(ctx context.Context, conn *http2.Conn) (attempt, error) {
	stream, rest, err := conn.Begin(ctx, o.head, o.body, o.end)
	return attempt{stream, rest}, err
}

// attempt is a stream that was opened, and what did not leave at once of the bytes it was opened with.
type attempt struct {
	stream *http2.ClientStream
	rest   []byte
}

// dialing is a dial that any number of calls wait for, each as long as its own context lets it.
type dialing struct {
	began time.Time
	stage atomic.Int32  // how far it is
	done  chan struct{} // closed when err is set
	err   error
	end   context.CancelFunc
}

func newPool(target string, connect func(context.Context, *dialing) (*http2.Conn, error), most int, backoff Backoff) *pool {
	p := &pool{target: target, connect: connect, most: most, backoff: backoff, log: func(Stats) {}}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// open opens a stream on a connection that has room for it, and connects if need be. Nothing was sent if it fails with
// an unconnected or with ctx's error. avoid is a connection on which the call has failed already, nil for none.
func (p *pool) open(ctx context.Context, o opening, avoid *http2.Conn) (attempt, error) {
	if conn := p.current.Load(); conn != nil && conn != avoid && p.waiting.Load() == 0 && !conn.Doubtful() {
		opened, err := o.on(ctx, conn)
		if err == nil || !refused(err) {
			return opened, err
		}
	}
	return p.openElsewhere(ctx, o, avoid)
}

// refused reports whether another connection may take what this one has not.
func refused(err error) bool { return err == http2.ErrStreamLimit || unprocessed(err) != nil }

// unprocessed returns the failure that says that the server has not handled a request, nil if err is another.
func unprocessed(err error) *http2.Error {
	var failure *http2.Error
	if errors.As(err, &failure) && failure.Unprocessed {
		return failure
	}
	return nil
}

// mostUseless bounds the connections that one call opens in vain: a server that accepts them and goes away at once must not
// keep a call busy.
const mostUseless = 3

// openElsewhere tries all connections. Where none takes calls it waits for another to be dialled; where all have as many as
// the server takes, another is dialled if there may be one, and the call stands in the queue.
func (p *pool) openElsewhere(ctx context.Context, o opening, avoid *http2.Conn) (attempt, error) {
	queued := &place{}
	defer p.leave(queued)
	if p.waiting.Load() > 0 && !p.enter(queued) { // others came first
		if err := p.wait(ctx, queued, time.Time{}); err != nil {
			return attempt{}, err
		}
	}
	for useless := 0; ; {
		opened, err := p.openOnAny(ctx, o, avoid)
		if err == nil || !refused(err) {
			return opened, err
		}
		if err == http2.ErrStreamLimit {
			avoid = nil // rather that one than none
			_, retryAt, err := p.join()
			if errors.Is(err, errClosed) {
				return attempt{}, err
			}
			if queued.entered || !p.enter(queued) {
				if err := p.wait(ctx, queued, retryAt); err != nil {
					return attempt{}, err
				}
			} // else the first in the queue tries once more, since a call may have ended just before
			continue
		}
		if useless == mostUseless {
			return attempt{}, unconnected{fmt.Errorf("the server accepted %d connections and took no call on any", mostUseless)}
		}
		dialled, err := p.dial(ctx)
		switch {
		case dialled:
			useless++
		case avoid != nil && ctx.Err() == nil:
			avoid = nil // there is no other
		case err != nil:
			return attempt{}, err
		}
	}
}

// openOnAny tries the connections that there are. It fails with ErrStreamLimit if one of them takes calls, but no more at a
// time.
func (p *pool) openOnAny(ctx context.Context, o opening, avoid *http2.Conn) (attempt, error) {
	var reason error = errNoConnection
	for _, conn := range p.usable(avoid) {
		opened, err := o.on(ctx, conn)
		if err == nil {
			p.current.Store(conn)
		}
		if err == nil || !refused(err) {
			return opened, err
		}
		if err == http2.ErrStreamLimit {
			reason = err
		}
	}
	return attempt{}, reason
}

var errNoConnection = &http2.Error{Scope: http2.ConnectionScope, Culprit: http2.ByUs, Unprocessed: true, Unsent: true, Reason: "there is no connection"}

// usable returns the connections that take calls: those that are not in doubt first, and of them those with the fewest.
func (p *pool) usable(avoid *http2.Conn) []*http2.Conn {
	p.mu.Lock()
	usable := slices.Clone(p.connections)
	p.mu.Unlock()
	usable = slices.DeleteFunc(usable, func(conn *http2.Conn) bool {
		if conn.Available() {
			return conn == avoid
		}
		p.forget(conn)
		return true
	})
	if len(usable) > 1 {
		slices.SortStableFunc(usable, func(a, b *http2.Conn) int {
			if a.Doubtful() != b.Doubtful() {
				if a.Doubtful() {
					return 1
				}
				return -1
			}
			return a.Active() - b.Active()
		})
	}
	return usable
}

// changed is told by a connection, under its lock, that it has room for a call again, or that it takes none any more.
func (p *pool) changed(conn *http2.Conn, takes bool) {
	if !takes {
		p.forget(conn)
	}
	p.freed()
}

// forget takes a connection out that takes no calls any more. Those on it keep it.
func (p *pool) forget(conn *http2.Conn) {
	p.current.CompareAndSwap(conn, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.connections, conn); at >= 0 {
		p.connections = slices.Delete(p.connections, at, at+1)
	}
}

// unconnected is the error of a call for which there is no connection.
type unconnected struct{ error }

func (u unconnected) Unwrap() error { return u.error }

// dial waits for a new connection, and reports whether it is there. Without an error there are as many as there may be.
func (p *pool) dial(ctx context.Context) (dialled bool, err error) {
	d, _, err := p.join()
	if d == nil {
		return false, err
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return false, waited{what: p.progress(d), cause: ctx.Err()}
	}
	if d.err != nil {
		return false, unconnected{d.err}
	}
	return true, nil
}

// join returns the dial that is under way, or begins one if that is allowed now. Without an error and a dial there are as
// many connections as there may be; with an error, retryAt is when another dial may begin.
func (p *pool) join() (d *dialing, retryAt time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, time.Time{}, unconnected{errClosed}
	case p.dialing != nil:
		return p.dialing, time.Time{}, nil
	case len(p.connections) >= p.most:
		return nil, time.Time{}, nil
	}
	if wait := time.Until(p.retryAt); wait > 0 {
		return nil, p.retryAt, unconnected{fmt.Errorf("%w (failed %d times, the next attempt is in %v)", p.failure, p.failures, wait.Round(time.Millisecond))}
	}
	ctx, end := context.WithCancel(context.Background()) // not of life, which would remember its first child's table for ever
	d = &dialing{began: time.Now(), done: make(chan struct{}), end: end}
	p.dialing = d
	go p.run(ctx, d) // ends with the dial, which ConnectTimeout and close end
	return d, time.Time{}, nil
}

// run dials, and enters the outcome.
func (p *pool) run(ctx context.Context, d *dialing) {
	defer d.end()
	conn, err := p.connect(ctx, d)
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
	}
	d.err = err
	close(d.done)
	p.freed()
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

// close ends every connection and every wait.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	connections := p.connections
	p.connections = nil
	if p.dialing != nil {
		p.dialing.end()
	}
	p.mu.Unlock()
	p.end()
	for _, conn := range connections {
		conn.Close(errClosed)
	}
}

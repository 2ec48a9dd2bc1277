// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// proxy relays TCP between clients and a server until it is told to do worse. It does to bytes what a network does to
// packets, except that the kernels on its two sides still acknowledge them, as they do where a load balancer stands in
// between: to notice takes a look at HTTP/2.
type proxy struct {
	listener net.Listener
	target   string
	relaying sync.WaitGroup

	mu     sync.Mutex
	change *sync.Cond // the fault of a link, or closed, has changed
	links  []*link
	fault  fault // of links to come
	closed bool
	opened int
}

// link is one connection through a proxy.
type link struct {
	near, far net.Conn
	fault     fault // guarded by the proxy's mu
}

// fault is what a proxy does to what it relays.
type fault int

const (
	healthy          fault = iota
	swallowing             // nothing comes through, either way
	swallowsAnswers        // nothing comes back
	swallowsRequests       // nothing comes there
	notReading             // nothing is even read, so that windows and buffers fill up
)

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{listener: listen(t), target: target}
	p.change = sync.NewCond(&p.mu)
	p.relaying.Go(p.accept)
	t.Cleanup(func() {
		p.listener.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.cut()
		p.relaying.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// spoil does something to the connections that there are. Those to come are healthy.
func (p *proxy) spoil(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.fault = f
	}
	p.change.Broadcast()
}

// become does something to all connections, from now on.
func (p *proxy) become(f fault) {
	p.spoil(f)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// connections returns how many clients have opened.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

// cut closes every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.near.Close()
		l.far.Close()
	}
	p.change.Broadcast()
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.DialTimeout("tcp", p.target, patience)
		if err != nil {
			near.Close()
			continue
		}
		l := &link{near: near, far: far}
		p.mu.Lock()
		l.fault = p.fault
		p.opened++
		p.links = append(p.links, l)
		closed := p.closed
		p.mu.Unlock()
		if closed {
			p.cut()
		}
		p.relaying.Go(func() {
			var ways sync.WaitGroup
			ways.Go(func() { p.relay(l, far, near, swallowing, swallowsRequests) })
			ways.Go(func() { p.relay(l, near, far, swallowing, swallowsAnswers) })
			ways.Wait()
			near.Close()
			far.Close()
			p.mu.Lock()
			p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
			p.mu.Unlock()
		})
	}
}

// relay passes on what comes from one side, and its end, except while the proxy swallows it.
func (p *proxy) relay(l *link, to, from net.Conn, swallows ...fault) {
	b := make([]byte, 64<<10)
	for p.mayRead(l) {
		n, err := from.Read(b)
		p.mu.Lock()
		swallowed := slices.Contains(swallows, l.fault)
		p.mu.Unlock()
		if n > 0 && !swallowed {
			if _, err := to.Write(b[:n]); err != nil {
				from.Close()
				return
			}
		}
		switch {
		case err == nil:
		case swallowed:
			return
		case err == io.EOF:
			_ = to.(*net.TCPConn).CloseWrite() // fails if it was cut
			return
		default:
			to.Close()
			return
		}
	}
}

// mayRead waits while the proxy does not read, and reports false when it is over.
func (p *proxy) mayRead(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l.fault == notReading && !p.closed {
		p.change.Wait()
	}
	return !p.closed
}

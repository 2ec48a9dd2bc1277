// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"testing"
)

// silent is a connection from an address that is only ever closed.
type silent struct {
	net.Conn
	from   string
	closed bool
}

func (s *silent) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(s.from), Port: 1} }
func (s *silent) Close() error         { s.closed = true; return nil }

func TestHandshakesGiveWay(t *testing.T) {
	h := &handshakes{most: 4}
	var all []*silent
	come := func(from string) *connection {
		nc := &silent{from: from}
		all = append(all, nc)
		c := &connection{nc: nc}
		h.enter(c)
		return c
	}
	closed := func() (which []int) {
		for i, nc := range all {
			if nc.closed {
				which = append(which, i)
			}
		}
		return which
	}
	patient := come("192.0.2.1")
	first := come("192.0.2.2")
	come("192.0.2.2")
	come("192.0.2.2")
	if got := closed(); len(got) != 0 {
		t.Fatalf("%v were closed without need", got)
	}
	come("192.0.2.3")
	if got := closed(); len(got) != 1 || got[0] != 1 {
		t.Fatalf("%v were closed, and not the first of those who have three", got)
	}
	h.leave(first) // as its goroutine does
	h.leave(patient)
	h.leave(patient)
	come("192.0.2.4")
	if got := closed(); len(got) != 1 {
		t.Fatalf("%v were closed, and there was room", got)
	}
	if h.count != 4 || len(h.from) != 3 {
		t.Errorf("%d are counted, from %d addresses", h.count, len(h.from))
	}
}

func TestHostsOfAddresses(t *testing.T) {
	address := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 7} }
	for _, c := range []struct {
		one, other net.Addr
		same       bool
	}{
		{address("192.0.2.1"), address("192.0.2.1"), true},
		{address("192.0.2.1"), address("192.0.2.2"), false},
		{address("192.0.2.1"), address("::ffff:192.0.2.1"), true},
		{address("2001:db8:0:1::1"), address("2001:db8:0:1:ffff::2"), true},
		{address("2001:db8:0:1::1"), address("2001:db8:0:2::1"), false},
		{&net.UnixAddr{Name: "a", Net: "unix"}, &net.UnixAddr{Name: "b", Net: "unix"}, true},
		{nil, nil, true},
	} {
		if got := host(c.one) == host(c.other); got != c.same {
			t.Errorf("%v and %v: the same is %v", c.one, c.other, got)
		}
	}
}

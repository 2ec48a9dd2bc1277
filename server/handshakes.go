// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net"
	"slices"
	"sync"
)

// handshakes are the connections that have not come to a request: in TLS, or before the preface and SETTINGS of HTTP/2. A
// client that opens connections and says nothing, or a byte now and then, costs a descriptor and a goroutine each, for as
// long as Options.HandshakeTimeout lasts. So there are Options.MaxHandshakes at most, and when another one comes the
// address with the most of them gives up the one that has taken longest. Who comes to its request soon is not touched.
type handshakes struct {
	most int

	mu    sync.Mutex // guards what follows
	count int
	from  map[string][]*connection // by the client's address, in the order in which they came
}

// enter counts a connection, and closes another one if that makes too many.
func (h *handshakes) enter(c *connection) {
	c.host = host(c.nc.RemoteAddr())
	h.mu.Lock()
	if h.from == nil {
		h.from = make(map[string][]*connection)
	}
	h.from[c.host] = append(h.from[c.host], c)
	h.count++
	var victim *connection
	if h.count > h.most {
		victim = h.crowded()[0]
		h.removeLocked(victim)
	}
	h.mu.Unlock()
	if victim != nil {
		victim.nc.Close()
	}
}

// crowded returns the connections of the address that has most of them.
func (h *handshakes) crowded() (most []*connection) {
	for _, connections := range h.from {
		if len(connections) > len(most) {
			most = connections
		}
	}
	return most
}

// leave is called, once or more often, when a connection has come to its requests, or has ended.
func (h *handshakes) leave(c *connection) {
	h.mu.Lock()
	h.removeLocked(c)
	h.mu.Unlock()
}

func (h *handshakes) removeLocked(c *connection) {
	connections := h.from[c.host]
	at := slices.Index(connections, c)
	if at < 0 {
		return
	}
	h.count--
	if len(connections) == 1 {
		delete(h.from, c.host)
		return
	}
	h.from[c.host] = slices.Delete(connections, at, at+1)
}

// host returns the part of an address that stands for one client: of IPv6, where a client has as many addresses as it likes,
// the network.
func host(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	switch {
	case address == nil:
		return ""
	case !ok:
		return address.Network()
	}
	if four := tcp.IP.To4(); four != nil {
		return string(four)
	}
	const network = net.IPv6len / 2
	return string(tcp.IP[:min(network, len(tcp.IP))])
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
)

// floorSystem is what is left when everything that makes an RPC system is taken away: messages with a length in front,
// over TCP, answered in order by the goroutine that reads them. It has the same codec and combines writes. Where the
// handler does nothing, no system can be expected to go below it.
var floorSystem = system{
	name:     "floor",
	settings: "length-prefixed messages over TCP, protobuf-go, writes combined, answers in order; no headers, streams, limits, deadlines or cancellation",
	serve: func(listener net.Listener) (func(), error) {
		server := &floorServer{listener: listener, open: map[net.Conn]struct{}{}}
		server.running.Go(server.accept)
		return server.stop, nil
	},
	connect: func(ctx context.Context, address string) (client, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		c := &floorClient{conn: conn}
		go c.read() // ends with the connection
		return c, nil
	},
}

// floorMessages reads messages with a length of four bytes in front.
type floorMessages struct {
	from   io.Reader
	buffer []byte // buffer[start:end] is read and not taken
	start  int
	end    int
}

// next returns the next message, valid until the following call.
func (m *floorMessages) next() ([]byte, error) {
	for {
		if message, ok := m.buffered(); ok {
			m.start += 4 + len(message)
			return message, nil
		}
		m.makeRoom()
		n, err := m.from.Read(m.buffer[m.end:])
		m.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// buffered returns the next message if it is here whole.
func (m *floorMessages) buffered() ([]byte, bool) {
	have := m.buffer[m.start:m.end]
	if len(have) < 4 {
		return nil, false
	}
	length := int(binary.BigEndian.Uint32(have))
	if len(have)-4 < length {
		return nil, false
	}
	return have[4 : 4+length], true
}

func (m *floorMessages) makeRoom() {
	if m.start > 0 {
		m.end = copy(m.buffer, m.buffer[m.start:m.end])
		m.start = 0
	}
	if m.end == len(m.buffer) {
		m.buffer = append(m.buffer, make([]byte, max(32<<10, len(m.buffer)))...)
	}
}

func appendFloorMessage(dst []byte, message proto.Message) ([]byte, error) {
	at := len(dst)
	dst, err := proto.MarshalOptions{}.MarshalAppend(append(dst, 0, 0, 0, 0), message)
	if err != nil {
		return dst[:at], err
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, nil
}

type floorServer struct {
	listener net.Listener
	running  sync.WaitGroup

	mu   sync.Mutex // guards open
	open map[net.Conn]struct{}
}

func (s *floorServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = struct{}{}
		s.mu.Unlock()
		s.running.Go(func() { s.answer(conn) })
	}
}

// answer ends when the connection does.
func (s *floorServer) answer(conn net.Conn) {
	defer conn.Close()
	requests := floorMessages{from: conn}
	var out []byte
	for {
		encoded, err := requests.next()
		if err != nil {
			return
		}
		request := new(chargepb.ChargeRequest)
		if proto.Unmarshal(encoded, request) != nil {
			return
		}
		if out, err = appendFloorMessage(out, charge(request)); err != nil {
			return
		}
		if _, more := requests.buffered(); more && len(out) < 64<<10 {
			continue // answer it with the same write
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
		out = out[:0]
	}
}

func (s *floorServer) stop() {
	s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

type floorClient struct {
	conn net.Conn

	mu      sync.Mutex   // guards what follows
	out     []byte       // messages that nobody has begun to write
	spare   []byte       // the buffer written last
	writing bool         // a caller is the writer
	waiting []*floorCall // waiting[first:] in the order of their requests
	first   int
	failed  error // why there is no connection any more
}

// floorCall is one call's place in the queue.
type floorCall struct {
	request []byte
	answer  []byte
	err     error
	done    chan struct{} // receives once for each use
}

var floorCalls = sync.Pool{New: func() any { return &floorCall{done: make(chan struct{}, 1)} }}

// Charge ignores ctx: there is nothing to cancel.
func (c *floorClient) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	call := floorCalls.Get().(*floorCall)
	defer floorCalls.Put(call)
	var err error
	if call.request, err = appendFloorMessage(call.request[:0], request); err != nil {
		return nil, err
	}
	if err := c.send(call); err != nil {
		return nil, err
	}
	<-call.done
	if call.err != nil {
		return nil, call.err
	}
	response := new(chargepb.ChargeResponse)
	return response, proto.Unmarshal(call.answer, response)
}

// send appends the call's request; if nobody is writing, the caller writes, for itself and for whoever appends meanwhile.
func (c *floorClient) send(call *floorCall) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	call.err = nil
	c.waiting = append(c.waiting, call)
	c.out = append(c.out, call.request...)
	if c.writing {
		return nil
	}
	c.writing = true
	if len(c.waiting)-c.first > 1 { // others may be about to append
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	for len(c.out) > 0 {
		batch := c.out
		c.out = c.spare[:0]
		c.mu.Unlock()
		_, err := c.conn.Write(batch)
		c.mu.Lock()
		c.spare = batch
		if err != nil {
			c.conn.Close() // the reader tells everybody
			break
		}
	}
	c.writing = false
	return nil
}

func (c *floorClient) read() {
	answers := floorMessages{from: c.conn}
	for {
		encoded, err := answers.next()
		if err != nil {
			c.fail(err)
			return
		}
		call := c.take()
		if call == nil {
			c.fail(errors.New("an answer that nobody asked for"))
			return
		}
		call.answer = append(call.answer[:0], encoded...)
		call.done <- struct{}{}
	}
}

// take returns the call that has waited longest.
func (c *floorClient) take() *floorCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == len(c.waiting) {
		return nil
	}
	call := c.waiting[c.first]
	c.first++
	if c.first == len(c.waiting) || c.first == 4096 {
		c.waiting = append(c.waiting[:0], c.waiting[c.first:]...)
		c.first = 0
	}
	return call
}

func (c *floorClient) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err
	for _, call := range c.waiting[c.first:] {
		call.err = err
		call.done <- struct{}{}
	}
	c.waiting, c.first = nil, 0
}

func (c *floorClient) Close() { c.conn.Close() }

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/codec"
)

type client struct {
	conn net.Conn

	mu      sync.Mutex // guards what follows
	out     *queue     // messages that nobody has begun to write
	under   *queue     // what the writer writes, without the lock
	writing bool       // a caller is the writer
	waiting []*call    // waiting[first:] in the order of their requests
	first   int
	failed  error // why there is no connection any more
}

// call is one call's place in the queue.
type call struct {
	request []byte
	answer  []byte
	err     error
	done    chan struct{} // receives once for each use
}

var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

func (c *client) Charge(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	response := new(chargepb.ChargeResponse)
	return response, c.invoke(methodCharge, request, response)
}

func (c *client) Echo(_ context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	back := new(chargepb.Payload)
	return back, c.invoke(methodEcho, payload, back)
}

// invoke has no context: there is nothing to cancel.
func (c *client) invoke(method byte, request, response proto.Message) error {
	own := calls.Get().(*call)
	defer calls.Put(own)
	var err error
	if own.request, err = appendMessage(own.request[:0], method, request); err != nil {
		return err
	}
	if err := c.send(own); err != nil {
		return err
	}
	<-own.done
	if own.err != nil {
		return own.err
	}
	return codec.Decode(own.answer, response)
}

// send appends the call's request; if nobody is writing, the caller writes, for itself and for whoever appends meanwhile.
func (c *client) send(own *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	own.err = nil
	c.waiting = append(c.waiting, own)
	c.out.add(own.request)
	if c.writing {
		return nil
	}
	c.writing = true
	if len(c.waiting)-c.first > 1 { // others may be about to append
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	for !c.out.empty() {
		c.out, c.under = c.under, c.out
		c.mu.Unlock()
		err := c.under.writeTo(c.conn)
		c.mu.Lock()
		if err != nil {
			c.conn.Close() // the reader tells everybody
			break
		}
	}
	c.writing = false
	return nil
}

func (c *client) read() {
	answers := messages{from: c.conn}
	for {
		_, encoded, err := answers.next()
		if err != nil {
			c.fail(err)
			return
		}
		own := c.take()
		if own == nil {
			c.fail(errors.New("an answer that nobody asked for"))
			return
		}
		if len(encoded) >= largeMessage {
			own.answer, answers.large = encoded, own.answer
		} else {
			own.answer = append(own.answer[:0], encoded...)
		}
		own.done <- struct{}{}
	}
}

// take returns the call that has waited longest.
func (c *client) take() *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == len(c.waiting) {
		return nil
	}
	own := c.waiting[c.first]
	c.first++
	if c.first == len(c.waiting) || c.first == 4096 {
		c.waiting = append(c.waiting[:0], c.waiting[c.first:]...)
		c.first = 0
	}
	return own
}

func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err
	for _, own := range c.waiting[c.first:] {
		own.err = err
		own.done <- struct{}{}
	}
	c.waiting, c.first = nil, 0
}

func (c *client) Close() { c.conn.Close() }

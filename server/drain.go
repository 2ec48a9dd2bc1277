// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/http2"
)

// errClosed is what connections fail with that are cut off.
var errClosed = errors.New("the server was closed")

// OnShutdown makes Shutdown and Close call f, once, before clients are told. The health service says NOT_SERVING there,
// and the handlers of endless streams return. Shutdown waits for f as long as its context lets it, Close for a second.
func (s *Server) OnShutdown(f func()) {
	s.mu.Lock()
	late := s.state != serving
	if !late {
		s.onShutdown = append(s.onShutdown, f)
	}
	s.mu.Unlock()
	if late {
		f()
	}
}

// Shutdown ends the server gracefully: no new connections, clients are told to go elsewhere with their next calls
// (GOAWAY), calls under way end in peace. If ctx ends before they have, they are cut off and Shutdown returns an error.
func (s *Server) Shutdown(ctx context.Context) error {
	gone := s.enterState(draining)
	hooked := callHooks(ctx, gone.hooks)
	for _, listener := range gone.listeners {
		listener.Close()
	}
	for _, c := range gone.connections {
		if engine := s.engineOf(c); engine != nil {
			engine.GoAway()
		} else {
			c.nc.Close() // it has not asked for anything yet
		}
	}
	err := s.edge.shutdown(ctx)
	select {
	case <-s.idle:
	case <-s.ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.Close()
	switch {
	case err != nil:
		return farcall.Errorf(farcall.CodeOf(err), "calls were still under way when the time to shut down was over; they were cut off: %w", err)
	case !hooked:
		return farcall.Errorf(farcall.CodeOf(ctx.Err()), "a function given to OnShutdown had not returned when the time to shut down was over: %w", ctx.Err())
	}
	return nil
}

// Close ends the server at once: every connection is closed and every handler's context ends. It does not wait for
// handlers that take no notice.
func (s *Server) Close() error {
	gone := s.enterState(closed)
	patience, cancel := context.WithTimeout(context.Background(), hookPatience)
	callHooks(patience, gone.hooks)
	cancel()
	for _, listener := range gone.listeners {
		listener.Close()
	}
	for _, c := range gone.connections {
		if engine := s.engineOf(c); engine != nil {
			engine.Close(errClosed)
		} else {
			c.nc.Close()
		}
	}
	s.edge.close() // before the calls that it has made: what their handlers answer now is for nobody
	for _, local := range gone.locals {
		local.Cancel(context.Canceled)
	}
	s.workers.close()
	s.endOnce.Do(func() { close(s.ended) })
	return nil
}

// hookPatience is how long Close waits for hooks.
const hookPatience = time.Second

// callHooks calls hooks, one after the other, and waits until they have returned or ctx ends: then it reports false.
func callHooks(ctx context.Context, hooks []func()) (returned bool) {
	if len(hooks) == 0 {
		return true
	}
	done := make(chan struct{})
	go func() { // ends when the hooks return
		defer close(done)
		for _, hook := range hooks {
			hook()
		}
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// leavers are those whom a change of state concerns.
type leavers struct {
	hooks       []func() // that are to be called first
	listeners   []net.Listener
	connections []*connection
	locals      []*farcall.Call
}

// enterState lets fewer newcomers in from now on, and returns who is in.
func (s *Server) enterState(next state) leavers {
	s.mu.Lock()
	s.state = max(s.state, next)
	gone := leavers{
		hooks:       s.onShutdown,
		listeners:   slices.Collect(maps.Keys(s.listeners)),
		connections: slices.Collect(maps.Keys(s.connections)),
		locals:      slices.Collect(maps.Keys(s.locals)),
	}
	s.onShutdown = nil
	s.checkIdleLocked()
	s.mu.Unlock()
	return gone
}

// engineOf returns the connection's engine, nil if it is not known to be HTTP/2 yet.
func (s *Server) engineOf(c *connection) *http2.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.engine
}

// checkIdleLocked wakes Shutdown when the last has left. Nobody enters in the states that it is called for.
func (s *Server) checkIdleLocked() {
	if s.state == serving || len(s.connections) > 0 || len(s.locals) > 0 {
		return
	}
	s.idleOnce.Do(func() { close(s.idle) })
}

// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
)

// What a call was waiting for when its context ended, so that its error says where to look: at the network, at the server,
// or at the handler.

// waited is the error of a call whose context has ended while it waited for something.
type waited struct {
	what  string // "while it was connecting: …"
	cause error  // the context's
}

func (w waited) Error() string { return w.what + ": " + w.cause.Error() }
func (w waited) Unwrap() error { return w.cause }

// The stages of a dial.
const (
	stageConnecting int32 = iota
	stageSecuring
	stageGreeting
)

// progress says how far a dial is.
func (p *pool) progress(d *dialing) string {
	doing := "is not there yet: does a firewall in between drop packets?"
	switch d.stage.Load() {
	case stageSecuring:
		doing = "is there, and the TLS handshake has not ended: does the server speak TLS?"
	case stageGreeting:
		doing = "is there, and the server has sent no SETTINGS: does it speak HTTP/2?"
	}
	return fmt.Sprintf("while it was connecting to %s; after %v the connection %s", p.target, time.Since(d.began).Round(time.Millisecond), doing)
}

// ended returns the error of a call whose own context has ended, and nil as long as it has not. transport is the attempt
// under way, nil for none, and cause what it or the pool has failed with, if that is known. A call that has outlived its
// deadline without a sign of life from the server makes the connection look after itself.
func (s *stream) ended(transport *http2.ClientStream, cause error) error {
	if s.ctx.Err() == nil {
		return nil
	}
	var queued waited
	var stuck *http2.Error
	when := "while it was running"
	switch {
	case errors.As(cause, &queued):
		when = queued.what
	case transport == nil:
		when = "before " + s.conn.target.name + " could be called"
	case errors.Is(s.ctx.Err(), context.DeadlineExceeded) && transport.Overdue():
		when += fmt.Sprintf("; nothing has come from %v since it was sent: is the server there, and the network?", transport.Peer().Address)
	}
	if transport != nil && errors.As(cause, &stuck) && stuck.Cause == s.ctx.Err() {
		when = "while it was running; " + stuck.Reason
	}
	return call.ContextEnded(s.ctx, s.method, when)
}

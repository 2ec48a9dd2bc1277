// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/farcall/farcall/internal/frame"
)

// shortly is a context for what must not take long.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func refused(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Code == frame.EnhanceYourCalm
}

// TestBodyAboveTheBudgetIsRefused waits for a whole body that neither the budget nor the connection's window holds: the
// exchange is refused, and the connection lives.
func TestBodyAboveTheBudgetIsRefused(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{Budget: NewBudget(1 << 20)})
		for range 3 {
			if _, err := call(shortly(t), client, postHead, pattern(2*connectionWindow)); !refused(err) {
				t.Fatalf("a body above the budget: %v", err)
			}
			if _, err := call(shortly(t), client, postHead, pattern(100)); err != nil {
				t.Fatalf("a call behind it: %v", err)
			}
		}
		nothingLeft(t, client, server)
	})
}

// TestUnfinishedBodiesDoNotUseUpTheConnection lets many requests stop in the middle of a message while the budget is
// exceeded: a request that is small must still get through.
func TestUnfinishedBodiesDoNotUseUpTheConnection(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: func(s *ServerStream) {
			if s.Want(context.Background(), 150_000) == nil {
				echo(s)
			}
		}}, Options{}, Options{Budget: NewBudget(0)})
		var unfinished []*ClientStream
		for range 30 {
			s, err := client.Open(shortly(t), postHead, pattern(100_000), false)
			if err != nil && !refused(err) {
				t.Fatal(err)
			}
			if s != nil {
				unfinished = append(unfinished, s)
			}
		}
		if _, err := call(shortly(t), client, postHead, pattern(150_000)); err != nil && !refused(err) {
			t.Errorf("a call among them: %v", err)
		}
		for _, s := range unfinished {
			s.Close()
		}
		for ctx := shortly(t); ; { // as soon as their handlers have let go
			_, err := call(ctx, client, postHead, pattern(150_000))
			if err == nil {
				break
			}
			if !refused(err) {
				t.Fatalf("a call behind them: %v", err)
			}
		}
		nothingLeft(t, client, server)
	})
}

// TestCreditComesBackWhenTheBudgetDoes sends most of a window while the budget is exceeded, and the rest when it no longer
// is: what was held back must not stay away until it is consumed.
func TestCreditComesBackWhenTheBudgetDoes(t *testing.T) {
	everyMode(t, func(t *testing.T, clientEnd, serverEnd net.Conn) {
		budget := NewBudget(4 * connectionWindow)
		budget.used.Add(5 * connectionWindow) // another connection's
		client, server := connect(t, clientEnd, serverEnd, serveFunc{serve: echo}, Options{}, Options{Budget: budget})
		body := pattern(2 * connectionWindow)
		s, err := client.Open(shortly(t), postHead, body[:connectionWindow*3/4], false)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); budget.Used() < 5*connectionWindow+connectionWindow*3/4; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the first part never came")
			}
		}
		budget.used.Add(-5 * connectionWindow)
		if err := s.Send(shortly(t), body[connectionWindow*3/4:], true); err != nil {
			t.Fatalf("the second part: %v", err)
		}
		if err := s.WantEnd(shortly(t), plenty); err != nil {
			t.Errorf("the answer: %v", err)
		}
		s.Close()
		nothingLeft(t, client, server)
	})
}

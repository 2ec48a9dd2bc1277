// SPDX-License-Identifier: Apache-2.0

// Package steps gathers the steps of each order from a farcall.Observer, and prints them.
package steps

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/farcall/farcall"
)

// Printer is an Observer for the server and the client of the order service. When a request has been answered, it prints
// the steps of that request and of the payment made for it.
type Printer struct {
	out io.Writer

	mu     sync.Mutex // guards what follows, and out
	traces map[*farcall.CallInfo]*trace
}

var _ farcall.Observer = (*Printer)(nil)

// trace is a request with all calls made for it.
type trace struct {
	root   *farcall.CallInfo // the request itself
	calls  []*farcall.CallInfo
	method *farcall.Method // of the order service
	events [farcall.StepAnswer + 1]farcall.Event
}

// mostCalls bounds the calls that are remembered at a time.
const mostCalls = 10_000

// traceKey is the context key of the trace that a call belongs to.
type traceKey struct{}

// NewPrinter returns a Printer that prints to out.
func NewPrinter(out io.Writer) *Printer {
	return &Printer{out: out, traces: make(map[*farcall.CallInfo]*trace)}
}

// Begin implements farcall.Observer: a call that is not made for another one is a request.
func (p *Printer) Begin(ctx context.Context, call *farcall.CallInfo) context.Context {
	t, within := ctx.Value(traceKey{}).(*trace)
	if !within {
		if call.Side == farcall.SideClient {
			return ctx // nobody's order: a check of the payment service's health, perhaps
		}
		t = &trace{root: call}
		ctx = context.WithValue(ctx, traceKey{}, t)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.traces) >= mostCalls { // a request that is given up may never get an answer to print its steps at
		clear(p.traces)
	}
	t.calls = append(t.calls, call)
	p.traces[call] = t
	if t.method == nil {
		t.method = call.Method
	}
	return ctx
}

// Event implements farcall.Observer.
func (p *Printer) Event(event farcall.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.traces[event.Call]
	if t == nil {
		return
	}
	// The order service's own handler has server steps too; those shown are of the call to the payment service.
	if event.Side != farcall.SideServer || event.Remote {
		if int(event.Step) < len(t.events) {
			t.events[event.Step] = event
		}
	}
	last := farcall.StepAnswer
	if t.root.Side == farcall.SideServer {
		last = farcall.StepSendResponse // a gRPC request
	}
	if event.Call != t.root || event.Step != last || event.Remote {
		return
	}
	for _, call := range t.calls {
		delete(p.traces, call)
	}
	if t.paid() {
		t.print(p.out)
	}
}

// paid says whether the payment service was called. To look an order up takes no fourteen steps.
func (t *trace) paid() bool { return !t.events[farcall.StepEncodeRequest].Time.IsZero() }

func (t *trace) print(out io.Writer) {
	start := t.root.Start
	if start.IsZero() {
		start = t.events[farcall.StepRequestArrives].Time
	}
	name := "an order"
	if t.method != nil {
		name = t.method.String()
	}
	fmt.Fprintf(out, "\n%s, begun %s\n", name, start.Format("15:04:05.000"))
	fmt.Fprintf(out, "  step                                      service    bytes      after\n")
	for step := farcall.StepRequestArrives; step <= farcall.StepAnswer; step++ {
		event := t.events[step]
		if event.Time.IsZero() {
			continue
		}
		size := ""
		if event.Bytes > 0 {
			size = fmt.Sprint(event.Bytes)
		}
		fmt.Fprintf(out, "  %2d  %-37s %-8s %7s %10s%s\n",
			step, step, service(event), size, round(event.Time.Sub(start)), failure(event.Err))
	}
}

// service says where a step happened.
func service(event farcall.Event) string {
	if event.Remote {
		return "payments"
	}
	return "orders"
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return "  " + err.Error()
}

// round shows three digits that mean something.
func round(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}

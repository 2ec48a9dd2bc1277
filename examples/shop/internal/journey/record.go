// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/protobuf/proto"
)

// Record is everything that was seen of one order on its way.
type Record struct {
	ask, answer httpMessage
	charge      *shoppb.ChargeRequest  // as the payment service's handler got it
	receipt     *shoppb.ChargeResponse // as it returned it
	steps       [farcall.StepAnswer + 1]farcall.Event
	there, back traffic // of the call's stream
	again       traffic // of the way there of the next call on the same connection
}

// httpMessage is what a REST client sends or gets.
type httpMessage struct {
	line        string // the request line or the status line
	contentType string
	body        string
}

// traffic is what crosses the connection in one direction for one call.
type traffic struct {
	frames []frame
	blocks []block
}

type frame struct {
	kind    string
	flags   uint8
	stream  uint32
	payload []byte
}

type block struct {
	fields []farcall.HeaderField
	bytes  []byte
}

// recorder gathers a Record: as Observer of either service, as FrameObserver of the order service's client, and in the
// place of the payment service's handler.
type recorder struct {
	mu      sync.Mutex // guards what follows
	record  Record
	over    bool // the first order is done: no more steps are recorded
	seen    int  // how many of the fourteen steps
	streams map[stream]*traffic

	complete chan struct{} // closed when all steps have been seen
}

// stream is one direction of one stream.
type stream struct {
	id   uint32
	sent bool
}

func newRecorder() *recorder {
	return &recorder{streams: make(map[stream]*traffic), complete: make(chan struct{})}
}

// on returns an Observer that records what is seen on these sides of a call.
func (r *recorder) on(sides ...farcall.Side) farcall.Observer { return &sideObserver{r, sides} }

type sideObserver struct {
	recorder *recorder
	sides    []farcall.Side
}

// Begin implements farcall.Observer.
func (o *sideObserver) Begin(ctx context.Context, _ *farcall.CallInfo) context.Context { return ctx }

// Event implements farcall.Observer.
func (o *sideObserver) Event(event farcall.Event) {
	r := o.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || !slices.Contains(o.sides, event.Side) || int(event.Step) >= len(r.record.steps) {
		return
	}
	if r.record.steps[event.Step].Time.IsZero() {
		r.seen++
		if r.seen == int(farcall.StepAnswer) {
			close(r.complete)
		}
	}
	r.record.steps[event.Step] = event
}

// Frame implements farcall.FrameObserver.
func (r *recorder) Frame(event farcall.FrameEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := r.trafficLocked(event.Stream, event.Sent)
	to.frames = append(to.frames, frame{event.Type, event.Flags, event.Stream, slices.Clone(event.Payload)})
}

// HeaderBlock implements farcall.FrameObserver.
func (r *recorder) HeaderBlock(event farcall.HeaderBlockEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	to := r.trafficLocked(event.Stream, event.Sent)
	to.blocks = append(to.blocks, block{event.Fields, slices.Clone(event.Block)})
}

func (r *recorder) trafficLocked(id uint32, sent bool) *traffic {
	known := r.streams[stream{id, sent}]
	if known == nil {
		known = new(traffic)
		r.streams[stream{id, sent}] = known
	}
	return known
}

// recordedPayments is a payment service whose charges are recorded: one interface for both ends, so it fits in between.
type recordedPayments struct {
	shoppb.Payments
	recorder *recorder
}

// Charge implements shoppb.Payments.
func (p recordedPayments) Charge(ctx context.Context, req *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
	receipt, err := p.Payments.Charge(ctx, req)
	r := p.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.record.charge, r.record.receipt = proto.CloneOf(req), proto.CloneOf(receipt)
	}
	return receipt, err
}

// awaitSteps waits until all fourteen steps have been seen: some are told a moment after the answer is there.
func (r *recorder) awaitSteps(ctx context.Context) error {
	var err error
	select {
	case <-r.complete:
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if err == nil {
		return nil
	}
	var missing []string
	for step := farcall.StepRequestArrives; step <= farcall.StepAnswer; step++ {
		if r.record.steps[step].Time.IsZero() {
			missing = append(missing, fmt.Sprintf("%d (%s)", step, step))
		}
	}
	return fmt.Errorf("nothing was seen of the steps %s: %w", strings.Join(missing, ", "), err)
}

// The first two calls on a connection (RFC 9113 section 5.1.1).
const (
	firstStream  = 1
	secondStream = 3
)

// finish returns the record, once nothing is seen any more.
func (r *recorder) finish() (*Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	record := r.record
	record.there = *r.trafficLocked(firstStream, true)
	record.back = *r.trafficLocked(firstStream, false)
	record.again = *r.trafficLocked(secondStream, true)
	switch {
	case len(record.there.blocks) != 1 || len(record.back.blocks) != 2 || len(record.again.blocks) != 1:
		return nil, fmt.Errorf("the calls have %d, %d and %d header blocks; 1, 2 and 1 were expected",
			len(record.there.blocks), len(record.back.blocks), len(record.again.blocks))
	case record.charge == nil || record.receipt == nil:
		return nil, fmt.Errorf("the payment service's handler was not called, or failed")
	}
	return &record, nil
}

// since returns how long after the request's arrival a step happened.
func (r *Record) since(step farcall.Step) time.Duration {
	return r.steps[step].Time.Sub(r.steps[farcall.StepRequestArrives].Time)
}

var _ farcall.FrameObserver = (*recorder)(nil)

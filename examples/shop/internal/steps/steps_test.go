// SPDX-License-Identifier: Apache-2.0

package steps

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
)

// call is one call on the way through the order service.
type call struct {
	printer *Printer
	info    *farcall.CallInfo
}

func begin(ctx context.Context, p *Printer, side farcall.Side, method *farcall.Method) (context.Context, call) {
	info := &farcall.CallInfo{Side: side, Method: method, Start: start}
	return p.Begin(ctx, info), call{p, info}
}

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func (c call) step(step farcall.Step, bytes int, remote bool) {
	c.printer.Event(farcall.Event{Call: c.info, Step: step, Side: c.info.Side, Bytes: bytes, Remote: remote,
		Time: start.Add(time.Duration(step) * 100 * time.Microsecond)})
}

func TestAnOrdersFourteenSteps(t *testing.T) {
	var out strings.Builder
	p := NewPrinter(&out)
	ctx, edge := begin(context.Background(), p, farcall.SideEdge, nil)
	edge.step(1, 212, false)
	edge.step(2, 0, false)
	ctx, local := begin(ctx, p, farcall.SideServer, &farcall.Method{Path: "/shop.v1.Orders/CreateOrder"})
	local.step(8, 999, false)
	_, client := begin(ctx, p, farcall.SideClient, &farcall.Method{Path: "/shop.v1.Payments/Charge"})
	for step := farcall.Step(3); step <= 5; step++ {
		client.step(step, 98, false)
	}
	for step := farcall.Step(6); step <= 11; step++ {
		client.step(step, 0, true)
	}
	client.step(12, 61, false)
	client.step(13, 61, false)
	local.step(9, 999, false)
	local.step(11, 999, false)
	if out.Len() > 0 {
		t.Errorf("printed before the answer: %s", out.String())
	}
	edge.step(14, 200, false)

	const want = `
shop.v1.Orders/CreateOrder, begun 12:00:00.000
  step                                      service    bytes      after
   1  REST request arrives                  orders       212      100µs
   2  stub is called                        orders                200µs
   3  request is encoded                    orders        98      300µs
   4  request is handed to the transport    orders        98      400µs
   5  request frames are sent               orders        98      500µs
   6  request frames are received           payments              600µs
   7  request is decoded                    payments              700µs
   8  handler is invoked                    payments              800µs
   9  handler returns                       payments              900µs
  10  response is encoded                   payments                1ms
  11  response is handed to the transport   payments              1.1ms
  12  response frames are received          orders        61      1.2ms
  13  response is decoded                   orders        61      1.3ms
  14  REST response is written              orders       200      1.4ms
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
	if len(p.traces) != 0 {
		t.Errorf("%d calls are remembered after their end", len(p.traces))
	}
}

func TestWhatPaysNothingIsNotPrinted(t *testing.T) {
	var out strings.Builder
	p := NewPrinter(&out)
	_, edge := begin(context.Background(), p, farcall.SideEdge, nil)
	edge.step(1, 0, false)
	edge.step(14, 200, false)
	_, alone := begin(context.Background(), p, farcall.SideClient, nil)
	alone.step(3, 5, false)
	if out.Len() > 0 || len(p.traces) != 0 {
		t.Errorf("printed %q, and %d calls are remembered", out.String(), len(p.traces))
	}
}

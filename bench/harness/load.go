// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/farcall/farcall/bench/chargepb"
)

// Load is what the workers of a client do again and again.
type Load struct {
	Name  string
	About string
	Unit  string // what is counted: "call" or "message"
	// Bytes is how much payload a unit carries, both directions together, where that is the point.
	Bytes int64
	// beside is what one more worker does meanwhile, uncounted; nil for nothing. It does it on the first client, or apart, on the
	// last one, which has no other worker then.
	beside func(on Client) (operation, error)
	apart  bool
	// prepare returns one worker's operation, which says how many units it did. The worker is the only one to call it.
	prepare func(on Client) (operation, error)
}

type operation func() (units int, err error)

// streamLength is how many messages a stream carries before the next stream takes its place.
const streamLength = 1000

// Loads are all that there are.
var Loads = []Load{
	{Name: "charge", About: "unary Charge, 91 bytes", Unit: "call", prepare: charging(0, 0)},
	{Name: "charge-50", About: "unary Charge with 50 items, 1,591 bytes", Unit: "call", prepare: charging(50, 0)},
	{Name: "charge-work50us", About: "unary Charge, 91 bytes, a handler that works for about 50 µs", Unit: "call", prepare: charging(0, 25_000)},
	{Name: "charge-work1ms", About: "unary Charge, 91 bytes, a handler that works for about 1 ms", Unit: "call", prepare: charging(0, 500_000)},
	{Name: "charge-beside-16m", About: "unary Charge, 91 bytes, while messages of 16 MiB are sent on the same connection, one after the other", Unit: "call", prepare: charging(0, 0), beside: uploading},
	{Name: "charge-apart-16m", About: "unary Charge, 91 bytes, while messages of 16 MiB are sent on a connection of their own, one after the other", Unit: "call", prepare: charging(0, 0), beside: uploading, apart: true},
	{Name: "charge-deadline", About: "unary Charge, 91 bytes, each call with a deadline of its own", Unit: "call", prepare: chargingInTime},
	{Name: "realistic", About: "unary Charge, 91 bytes, with a deadline, ten metadata entries and two interceptors on either end", Unit: "call", prepare: chargingAnnotated},
	echo("echo-1k", "1 KiB", 1<<10),
	echo("echo-64k", "64 KiB", 64<<10),
	echo("echo-1m", "1 MiB", 1<<20),
	echo("echo-16m", "16 MiB", 16<<20),
	{Name: "server-stream", About: "server streaming, messages of about 40 bytes", Unit: "message", prepare: watching},
	{Name: "client-stream", About: "client streaming, messages of 91 bytes", Unit: "message", prepare: settling},
	{Name: "two-way", About: "two-way streaming, 91 bytes answered by about 40, sent without waiting for answers", Unit: "message", prepare: disputing},
}

// FindLoad returns the load of a name.
func FindLoad(name string) (Load, error) {
	var known []string
	for _, l := range Loads {
		if l.Name == name {
			return l, nil
		}
		known = append(known, l.Name)
	}
	return Load{}, fmt.Errorf("no load %q; there are: %s", name, strings.Join(known, ", "))
}

// lacks is the error for a client that cannot play a load.
func lacks(on Client, what string) error { return fmt.Errorf("%T has no %s", on, what) }

func charging(items int, work int64) func(Client) (operation, error) {
	return func(on Client) (operation, error) {
		request := NewRequest(items, work)
		return func() (int, error) { return 1, charge(context.Background(), on, request) }, nil
	}
}

func charge(ctx context.Context, on Client, request *chargepb.ChargeRequest) error {
	response, err := on.Charge(ctx, request)
	if err != nil {
		return err
	}
	return checkCharge(response)
}

// uploading sends large requests, whose answers are small.
func uploading(on Client) (operation, error) {
	request := NewRequest(0, 0)
	request.OrderId = strings.Repeat("x", 16<<20)
	return func() (int, error) { return 1, charge(context.Background(), on, request) }, nil
}

func chargingInTime(on Client) (operation, error) {
	request := NewRequest(0, 0)
	return func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		return 1, charge(ctx, on, request)
	}, nil
}

// annotated numbers the realistic calls of this process.
var annotated atomic.Uint64

func chargingAnnotated(on Client) (operation, error) {
	sender, ok := on.(Annotator)
	if !ok {
		return nil, lacks(on, "metadata")
	}
	request := NewRequest(0, 0)
	return func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		response, err := sender.ChargeAnnotated(ctx, annotationsOf(annotated.Add(1)), request)
		if err != nil {
			return 0, err
		}
		return 1, checkCharge(response)
	}, nil
}

func echo(name, size string, bytes int) Load {
	return Load{
		Name: name, About: "unary Echo, " + size + " both ways", Unit: "call", Bytes: 2 * int64(bytes),
		prepare: func(on Client) (operation, error) {
			sender, ok := on.(Echoer)
			if !ok {
				return nil, lacks(on, "payloads")
			}
			payload := NewPayload(bytes)
			return func() (int, error) {
				back, err := sender.Echo(context.Background(), payload)
				if err == nil && (len(back.GetData()) != bytes || back.GetData()[bytes-1] != payload.GetData()[bytes-1]) {
					err = fmt.Errorf("%d bytes came back, want the %d that were sent", len(back.GetData()), bytes)
				}
				return 1, err
			}, nil
		},
	}
}

// streaming makes a load of a stream that receives want messages and counts as streamLength.
func streaming(on Client, want int, call func(on Streamer, each func(*chargepb.ChargeResponse)) error) (operation, error) {
	streams, ok := on.(Streamer)
	if !ok {
		return nil, lacks(on, "streams")
	}
	return func() (int, error) {
		received, wrong := 0, error(nil)
		err := call(streams, func(response *chargepb.ChargeResponse) {
			received++
			if wrong == nil {
				wrong = checkCharge(response)
			}
		})
		switch {
		case err != nil:
			return 0, err
		case wrong != nil:
			return 0, wrong
		case received != want:
			return 0, fmt.Errorf("%d messages came, want %d", received, want)
		}
		return streamLength, nil
	}, nil
}

func watching(on Client) (operation, error) {
	return streaming(on, streamLength, func(on Streamer, each func(*chargepb.ChargeResponse)) error {
		return on.Watch(context.Background(), streamLength, each)
	})
}

func settling(on Client) (operation, error) {
	request := NewRequest(0, 0)
	return streaming(on, 0, func(on Streamer, _ func(*chargepb.ChargeResponse)) error {
		summary, err := on.Settle(context.Background(), request, streamLength)
		if err == nil && summary.GetCount() != streamLength {
			err = fmt.Errorf("the service counted %d messages, want %d", summary.GetCount(), streamLength)
		}
		return err
	})
}

func disputing(on Client) (operation, error) {
	request := NewRequest(0, 0)
	return streaming(on, streamLength, func(on Streamer, each func(*chargepb.ChargeResponse)) error {
		return on.Dispute(context.Background(), request, streamLength, each)
	})
}

// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"bytes"
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// What both ends know: a message follows from its number, and so does what a call answers.

// block is random bytes, the same in every process: payloads are pieces of it.
var block = func() []byte {
	random := rand.NewChaCha8([32]byte{'f', 'a', 'r', 'c', 'a', 'l', 'l'})
	b := make([]byte, 1<<20)
	_, _ = random.Read(b)
	return b
}()

// mix spreads a number's bits (SplitMix64's last step).
func mix(n int64) uint64 {
	x := uint64(n) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// payload returns what the message with a number holds: mostly little, now and then more than a window.
func payload(number int64) []byte {
	x := mix(number)
	size := int(x % 300)
	switch x >> 32 % 100 {
	case 0:
		size = 200_000 + int(x%200_000)
	case 1, 2, 3, 4, 5:
		size = int(x % 20_000)
	}
	at := int(x >> 16 % uint64(len(block)-size))
	return block[at : at+size]
}

func message(number int64) *rulespb.Item {
	return &rulespb.Item{Number: number, Payload: payload(number)}
}

// right reports whether a message is the one with a number.
func right(got *rulespb.Item, number int64) bool {
	return got.GetNumber() == number && bytes.Equal(got.GetPayload(), payload(number))
}

// length returns how many messages the stream of a call has.
func length(number int64) int64 { return 1 + int64(mix(number+1)%12) }

// answered returns the number of the message that answers another.
func answered(number int64) int64 { return number ^ 1<<40 }

// service checks what it gets, takes its time now and then, and answers.
type service struct{}

var errWrong = farcall.Errorf(farcall.DataLoss, "the request is not what was sent")

// ponder takes the time that a call takes.
func ponder(ctx context.Context, number int64) {
	switch x := mix(number + 2); {
	case x%200 == 0:
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	case x%20 == 0:
		time.Sleep(time.Duration(x>>32%1000) * time.Microsecond)
	}
}

func (service) Get(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) {
	if !right(request, request.GetNumber()) {
		return nil, errWrong
	}
	ponder(ctx, request.GetNumber())
	return message(answered(request.GetNumber())), nil
}

func (service) List(ctx context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		number := request.GetNumber()
		if !right(request, number) {
			yield(nil, errWrong)
			return
		}
		ponder(ctx, number)
		for i := range length(number) {
			if !yield(message(answered(number+i)), nil) {
				return
			}
		}
	}
}

func (service) Collect(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
	first, received := int64(0), int64(0)
	for got, err := range in {
		if err != nil {
			return nil, err
		}
		if received == 0 {
			first = got.GetNumber()
		}
		if !right(got, first+received) {
			return nil, errWrong
		}
		received++
	}
	if received != length(first) {
		return nil, farcall.Errorf(farcall.DataLoss, "%d messages came, %d were sent", received, length(first))
	}
	ponder(ctx, first)
	return message(answered(first)), nil
}

func (service) Talk(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for got, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			if !right(got, got.GetNumber()) {
				yield(nil, errWrong)
				return
			}
			ponder(ctx, got.GetNumber())
			if !yield(message(answered(got.GetNumber())), nil) {
				return
			}
		}
	}
}

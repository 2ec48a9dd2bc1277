// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"math/rand/v2"
	"testing"
)

// TestWindowsInARandomModel runs a sender and a receiver over one window, with updates that are under way for any time:
// the sender never has more credit than the receiver granted, and it never stalls for good while the receiver consumes.
func TestWindowsInARandomModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		target := 1 + random.IntN(5000)
		receiver := receiveWindow{target: target, open: target}
		sender := sendWindow{credit: int64(target)}
		var onTheWay []int // WINDOW_UPDATEs
		buffered := 0      // received and not consumed
		unpaid := 0        // of those, not advanced
		sent, consumed := 0, 0
		give := func(increment int) {
			if increment > 0 {
				onTheWay = append(onTheWay, increment)
			}
		}
		for range 2000 {
			switch random.IntN(5) {
			case 0, 1: // the sender sends what it may
				n := int(min(sender.credit, int64(1+random.IntN(target))))
				if n <= 0 {
					continue
				}
				sender.credit -= int64(n)
				if !receiver.received(n) {
					t.Fatalf("seed %d: the receiver refuses %d bytes that the sender had credit for", seed, n)
				}
				sent += n
				buffered += n
				unpaid += n
			case 2: // the receiver consumes some
				n := random.IntN(buffered + 1)
				buffered -= n
				unpaid = min(unpaid, buffered)
				consumed += n
				give(receiver.consumed(n))
			case 3: // an update arrives
				if len(onTheWay) > 0 {
					if !sender.add(int64(onTheWay[0])) {
						t.Fatalf("seed %d: the window overflows", seed)
					}
					onTheWay = onTheWay[1:]
				}
			case 4: // the receiver waits for more than the window, or pays in advance
				if random.IntN(2) == 0 {
					give(receiver.require(random.IntN(3 * target)))
				} else if unpaid = buffered - receiver.ahead; unpaid > 0 {
					give(receiver.advance(unpaid))
				}
			}
			pending := 0
			for _, n := range onTheWay {
				pending += n
			}
			if int(sender.credit)+pending != receiver.open {
				t.Fatalf("seed %d: the sender has %d, %d are on the way, and the receiver thinks %d", seed, sender.credit, pending, receiver.open)
			}
		}
		// Everything is consumed and every update arrives: the sender must be able to send at least half a window.
		give(receiver.consumed(buffered))
		for _, n := range onTheWay {
			sender.add(int64(n))
		}
		if int(sender.credit) < target/2 {
			t.Fatalf("seed %d: after everything was consumed the sender has credit for %d of %d bytes", seed, sender.credit, target)
		}
	}
}

func TestSendWindowOverflow(t *testing.T) {
	w := sendWindow{credit: defaultWindow}
	if w.add(largestWindow) {
		t.Error("a window above 2^31-1 was accepted")
	}
	w = sendWindow{credit: -100}
	if !w.add(largestWindow) {
		t.Error("a negative window and a large increment were refused")
	}
}

func TestRequireNeverOverflows(t *testing.T) {
	w := receiveWindow{target: streamWindow, open: streamWindow}
	if got := w.require(largestWindow + 5); w.open != LargestWant || got != LargestWant-streamWindow {
		t.Errorf("require granted %d, open is %d", got, w.open)
	}
	if w.grow(LargestWindow); w.open > largestWindow {
		t.Errorf("after growth open is %d", w.open)
	}
	if got := w.dropped(w.target); got != 0 {
		t.Errorf("a window that is as large as it may be was granted %d more", got)
	}
	if got := w.require(10); got != 0 {
		t.Errorf("credit that is there was granted again: %d", got)
	}
}

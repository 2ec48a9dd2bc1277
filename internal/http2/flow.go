// SPDX-License-Identifier: Apache-2.0

package http2

// Flow control (RFC 9113 section 5.2 and 6.9) as arithmetic: no lock, no I/O.

const (
	defaultWindow = 65535     // what each end starts with (section 6.9.2)
	largestWindow = 1<<31 - 1 // section 6.9.1

	// streamWindow and connectionWindow are the credit that we grant, unless Options say otherwise; both may grow. What a
	// hundred hostile connections can fill at once, before anything is known of them, is a hundred stream windows.
	streamWindow     = 128 << 10
	connectionWindow = 2 << 20
	grownWindow      = 16 << 20

	// LargestWindow is the largest that Options may ask for, and LargestWant what a consumer may wait for: together they
	// stay below what the protocol allows.
	LargestWindow = 256 << 20
	LargestWant   = largestWindow - LargestWindow
)

// sendWindow is what the peer lets us send. SETTINGS may make it negative (section 6.9.2).
type sendWindow struct{ credit int64 }

// add takes an increment, and reports false if that makes the window larger than the protocol allows.
func (w *sendWindow) add(increment int64) bool {
	w.credit += increment
	return w.credit <= largestWindow
}

// receiveWindow is what we let the peer send.
type receiveWindow struct {
	target int // the credit that we aim to have out
	open   int // the credit that the peer has
	owed   int // credit not yet given back
	ahead  int // credit given before the bytes it stands for were consumed
}

// received takes n bytes off the peer's credit and reports false if it had less.
func (w *receiveWindow) received(n int) bool {
	w.open -= n
	return w.open >= 0
}

// consumed says that n bytes were consumed, and returns the increment to send now, 0 for none.
func (w *receiveWindow) consumed(n int) int {
	early := min(n, w.ahead)
	w.ahead -= early
	w.owed += n - early
	return w.grant()
}

// dropped says that n bytes were received that nobody will consume, such as padding, and returns the increment to send now.
func (w *receiveWindow) dropped(n int) int {
	w.owed += n
	return w.grant()
}

// advance gives credit for n received bytes that are not consumed yet.
func (w *receiveWindow) advance(n int) int {
	w.owed += n
	w.ahead += n
	return w.grant()
}

// require makes sure that the peer can send n more bytes, LargestWant at most, whatever the target, and returns the
// increment to send now.
func (w *receiveWindow) require(n int) int {
	if n <= w.open {
		return 0
	}
	missing := min(n, LargestWant) - w.open
	if missing <= 0 {
		return 0
	}
	repaid := min(missing, w.owed)
	w.owed -= repaid
	extra := missing - repaid
	w.ahead += extra
	w.open += repaid + extra
	return repaid + extra
}

// grow raises the target by what SETTINGS have just added to the peer's credit.
func (w *receiveWindow) grow(n int) {
	w.target += n
	w.open += n
}

// grant returns what is owed once that is half of the target, so that a WINDOW_UPDATE is rare.
func (w *receiveWindow) grant() int {
	if w.owed < w.target/2 {
		return 0
	}
	increment := max(0, min(w.owed, LargestWant-w.open))
	w.owed -= increment
	w.open += increment
	return increment
}

// SPDX-License-Identifier: Apache-2.0

package call

import "runtime"

// Turn is what one half of a stream has done since it last let others run: one with always another message in it, and a
// hundred such, would keep everybody waiting for the scheduler's time slices.
type Turn uint8

const (
	turnMessages = 64      // small ones
	turnBytes    = 4 << 10 // that count as another message
)

// Taken accounts for a message of so many bytes, and yields when that was enough.
func (t *Turn) Taken(bytes int) {
	if done := int(*t) + 1 + bytes/turnBytes; done < turnMessages {
		*t = Turn(done)
		return
	}
	*t = 0
	runtime.Gosched()
}

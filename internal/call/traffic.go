// SPDX-License-Identifier: Apache-2.0

package call

import "sync/atomic"

// Traffic counts the bytes of a stream's messages, and knows whether those to be sent are compressed. A sending and a
// receiving goroutine may use it at the same time.
type Traffic struct {
	sent, received atomic.Int64
	plain          atomic.Bool
}

// Bytes makes what embeds a Traffic tell of it; see farcall.Stream.
func (t *Traffic) Bytes() (sent, received int64) { return t.sent.Load(), t.received.Load() }

// Compress makes what embeds a Traffic take the word; see farcall.Stream.
func (t *Traffic) Compress(on bool) { t.plain.Store(!on) }

// Compressing reports whether messages are to be compressed.
func (t *Traffic) Compressing() bool { return !t.plain.Load() }

// CountSent counts a message of n bytes that was sent.
func (t *Traffic) CountSent(n int) { t.sent.Add(int64(n)) }

// CountReceived counts a message of n bytes that was received.
func (t *Traffic) CountReceived(n int) { t.received.Add(int64(n)) }

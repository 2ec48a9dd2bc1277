// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package http2

import "time"

// threadUsage is what the kernel says of a thread.
type threadUsage struct {
	thread int
	cpu    time.Duration
	sleeps int64
}

// ownThread asks about the calling goroutine's thread.
func ownThread() (usage threadUsage, ok bool) { return usage, false }

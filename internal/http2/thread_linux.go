// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"syscall"
	"time"
)

// threadUsage is what the kernel says of a thread.
type threadUsage struct {
	thread int
	cpu    time.Duration // that it has used
	sleeps int64         // how often it has given the processor up by itself
}

// ownThread asks about the calling goroutine's thread. Neither call gives the processor up.
func ownThread() (threadUsage, bool) {
	const ofThread = 1 // RUSAGE_THREAD, which package syscall does not have
	var usage syscall.Rusage
	err := syscall.Getrusage(ofThread, &usage)
	return threadUsage{
		thread: syscall.Gettid(),
		cpu:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		sleeps: int64(usage.Nvcsw), // int32 on some processors
	}, err == nil
}

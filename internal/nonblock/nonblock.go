// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package nonblock reads and writes sockets that never block, without giving up the processor meanwhile.
//
// For package syscall any system call may block: the Go scheduler is told before and after it, a monitor that wakes every
// 20 µs gives the processor to another thread where the call takes longer than that, and the goroutine has to find one again. A read
// or write of a socket in non-blocking mode, as all of package net's are, copies bytes and returns. What the scheduler
// does about it all the same is a good part of a small call.
package nonblock

import "syscall"

// most is how much is copied in one system call: three of HTTP/2's frames of 16 KiB and a bit. The kernel makes one segment of it, as it does
// of up to 64 KiB, and whoever reads begins while the next is written; of a little more than 64 KiB it makes two, and the
// second, of a few bytes, wakes the reader once more. And for so long a thread cannot be preempted, and a garbage collection waits for it.
const most = 50 << 10

// Read reads what is there from a socket in non-blocking mode, possibly not all. With syscall.EAGAIN nothing is there; 0 bytes
// and no error are the end.
func Read(descriptor uintptr, b []byte) (int, error) {
	for {
		if n, err := read(descriptor, b[:min(len(b), most)]); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// Write writes to a socket in non-blocking mode what it takes, possibly not all. With syscall.EAGAIN it takes nothing.
func Write(descriptor uintptr, b []byte) (int, error) {
	for {
		if n, err := write(descriptor, b[:min(len(b), most)]); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

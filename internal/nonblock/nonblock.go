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

// most is how much is copied in one system call without the scheduler: for so long a thread cannot be preempted, and a
// garbage collection waits for it.
const most = 64 << 10

// Read reads what is there from a socket in non-blocking mode. With syscall.EAGAIN nothing is there; 0 bytes and no error
// are the end.
func Read(descriptor uintptr, b []byte) (int, error) {
	for {
		n, err := 0, error(nil)
		if len(b) > most {
			n, err = syscall.Read(int(descriptor), b)
		} else {
			n, err = read(descriptor, b)
		}
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// Write writes to a socket in non-blocking mode what it takes, possibly not all. With syscall.EAGAIN it takes nothing.
func Write(descriptor uintptr, b []byte) (int, error) {
	for {
		n, err := 0, error(nil)
		if len(b) > most {
			n, err = syscall.Write(int(descriptor), b)
		} else {
			n, err = write(descriptor, b)
		}
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

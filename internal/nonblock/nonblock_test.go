// SPDX-License-Identifier: Apache-2.0

//go:build unix

package nonblock

import (
	"bytes"
	"crypto/rand"
	"syscall"
	"testing"
)

// pair returns two ends of a stream in non-blocking mode.
func pair(t *testing.T) (left, right uintptr) {
	t.Helper()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range ends {
		if err := syscall.SetNonblock(end, true); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(end) })
	}
	return uintptr(ends[0]), uintptr(ends[1])
}

// TestBytesArrive sends random bytes in writes of sizes on both sides of what one raw system call takes.
func TestBytesArrive(t *testing.T) {
	left, right := pair(t)
	sent := make([]byte, 1<<20)
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	var received []byte
	room := make([]byte, most+4096)
	for rest, size := sent, 1; len(rest) > 0; size = size*3%(2*most) + 1 {
		n, err := Write(left, rest[:min(size, len(rest))])
		if err != nil && err != syscall.EAGAIN {
			t.Fatal(err)
		}
		rest = rest[n:]
		if err == nil && len(rest) > 0 {
			continue
		}
		n, err = Read(right, room)
		if err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		received = append(received, room[:n]...)
	}
	for len(received) < len(sent) {
		n, err := Read(right, room)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(received), err)
		}
		received = append(received, room[:n]...)
	}
	if !bytes.Equal(received, sent) {
		t.Fatal("other bytes came out")
	}
}

func TestNothingThere(t *testing.T) {
	left, right := pair(t)
	if n, err := Read(right, make([]byte, 10)); n != 0 || err != syscall.EAGAIN {
		t.Errorf("empty: %d, %v", n, err)
	}
	if err := syscall.Shutdown(int(left), syscall.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if n, err := Read(right, make([]byte, 10)); n != 0 || err != nil {
		t.Errorf("ended: %d, %v", n, err)
	}
	if n, err := Write(left, []byte("x")); n != 0 || err != syscall.EPIPE {
		t.Errorf("written behind the end: %d, %v", n, err)
	}
	for _, size := range []int{1, most + 1} {
		if n, err := Write(^uintptr(0), make([]byte, size)); n != 0 || err != syscall.EBADF {
			t.Errorf("%d bytes to no descriptor: %d, %v", size, n, err)
		}
		if n, err := Read(^uintptr(0), make([]byte, size)); n != 0 || err != syscall.EBADF {
			t.Errorf("%d bytes from no descriptor: %d, %v", size, n, err)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	left, right := pair(t)
	b := make([]byte, 100)
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := Write(left, b); err != nil {
			t.Error(err)
		}
		if n, err := Read(right, b); n != len(b) || err != nil {
			t.Error(n, err)
		}
		if _, err := Read(right, b); err != syscall.EAGAIN {
			t.Error(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

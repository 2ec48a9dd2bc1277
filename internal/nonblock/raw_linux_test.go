// SPDX-License-Identifier: Apache-2.0

//go:build !race && !386

package nonblock

import (
	"syscall"
	"testing"
)

// TestOtherModeDoesNotBlock: another descriptor of the socket was set to blocking mode.
func TestOtherModeDoesNotBlock(t *testing.T) {
	left, right := pair(t)
	for _, end := range []uintptr{left, right} {
		if err := syscall.SetNonblock(int(end), false); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := Read(right, make([]byte, 1)); n != 0 || err != syscall.EAGAIN {
		t.Errorf("read: %d, %v", n, err)
	}
	for full := make([]byte, most); ; {
		n, err := Write(left, full)
		if err == syscall.EAGAIN {
			break
		}
		if n == 0 || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
}

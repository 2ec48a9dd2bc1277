// SPDX-License-Identifier: Apache-2.0

//go:build !race && !386

package nonblock

import (
	"syscall"
	"unsafe"
)

// With MSG_DONTWAIT the kernel does not block either where the descriptor's mode is another: os.File.Fd sets that of all
// descriptors that share its socket. A thread that blocked here would stop the whole program at its next garbage collection.

func read(descriptor uintptr, b []byte) (int, error) {
	return raw(syscall.SYS_RECVFROM, descriptor, b, syscall.MSG_DONTWAIT)
}

func write(descriptor uintptr, b []byte) (int, error) {
	return raw(syscall.SYS_SENDTO, descriptor, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

func raw(call, descriptor uintptr, b []byte, flags uintptr) (int, error) {
	n, _, failure := syscall.RawSyscall6(call, descriptor, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	if failure != 0 {
		return 0, failure
	}
	return int(n), nil
}

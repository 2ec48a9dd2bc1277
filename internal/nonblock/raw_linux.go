// SPDX-License-Identifier: Apache-2.0

//go:build !race

package nonblock

import (
	"syscall"
	"unsafe"
)

func read(descriptor uintptr, b []byte) (int, error) {
	return raw(syscall.SYS_READ, descriptor, b)
}

func write(descriptor uintptr, b []byte) (int, error) {
	return raw(syscall.SYS_WRITE, descriptor, b)
}

func raw(call, descriptor uintptr, b []byte) (int, error) {
	n, _, failure := syscall.RawSyscall(call, descriptor, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if failure != 0 {
		return 0, failure
	}
	return int(n), nil
}

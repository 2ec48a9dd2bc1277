// SPDX-License-Identifier: Apache-2.0

//go:build unix && (race || !linux || 386)

package nonblock

import "syscall"

// Where system calls have no stable numbers, or none of their own for sockets (linux/386), package syscall's own way is the
// only one. The race detector needs it: it is told there what is read and written, and that what is read comes behind what
// was written.

func read(descriptor uintptr, b []byte) (int, error) {
	n, err := syscall.Read(int(descriptor), b)
	return max(n, 0), err
}

func write(descriptor uintptr, b []byte) (int, error) {
	return syscall.Write(int(descriptor), b)
}

// SPDX-License-Identifier: Apache-2.0

package attribution

import "strings"

// entering are the runtime's own functions that enter the kernel: a sample whose innermost frame is one was taken there.
var entering = map[string]Layer{
	"runtime.futex":                KernelFutex,
	"runtime.usleep":               KernelOthers,
	"runtime.nanosleep":            KernelOthers,
	"runtime.osyield":              KernelOthers,
	"runtime.madvise":              KernelOthers,
	"runtime.sysMmap":              KernelOthers,
	"runtime.sysMunmap":            KernelOthers,
	"runtime.write1":               KernelPoll, // the netpoller's wake-up
	"runtime.read":                 KernelPoll,
	"runtime.tgkill":               KernelOthers,
	"runtime.rtsigprocmask":        KernelOthers,
	"runtime.clone":                KernelOthers,
	"runtime.sigreturn__sigaction": KernelOthers,
	"runtime.timer_settime":        KernelOthers,
	"runtime.setitimer":            KernelOthers,
}

// calls are the functions that say what a system call is for. Their names are the same in syscall and in x/sys/unix.
var calls = map[string]Layer{
	"write": KernelWrite, "writev": KernelWrite, "sendto": KernelWrite, "sendmsg": KernelWrite, "sendmsgN": KernelWrite,
	"read": KernelRead, "readv": KernelRead, "recvfrom": KernelRead, "recvmsg": KernelRead, "recvmsgRaw": KernelRead,
}

// kernelLayer returns the layer of a sample that was taken in the kernel.
func kernelLayer(frames []string) (Layer, bool) {
	if layer, ok := entering[frames[0]]; ok {
		return layer, true
	}
	if path, _ := split(frames[0]); !isSystemCall(path) {
		return "", false
	}
	for _, frame := range frames {
		path, function := split(frame)
		name := strings.ToLower(function)
		switch {
		case strings.HasPrefix(name, "epoll") || frame == "runtime.netpoll" || frame == "runtime.netpollBreak":
			return KernelPoll, true
		case frame == "internal/poll.(*FD).Writev" || frame == "internal/poll.writev":
			return KernelWrite, true
		case !isSystemCall(path):
			return KernelOthers, true
		}
		if layer, ok := calls[name]; ok {
			return layer, true
		}
	}
	return KernelOthers, true
}

// isSystemCall reports whether a package does nothing but enter the kernel.
func isSystemCall(path string) bool {
	switch path {
	case "syscall", "internal/runtime/syscall", "internal/runtime/syscall/linux", "internal/syscall/unix", "golang.org/x/sys/unix",
		"github.com/farcall/farcall/internal/nonblock":
		return true
	}
	return false
}

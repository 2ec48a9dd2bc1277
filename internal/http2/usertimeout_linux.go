// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"math"
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not have: how long what was sent may stay
// unacknowledged, or the peer's window closed, before the kernel ends the connection (RFC 5482; grpc/proposal A18). The
// kernel's own patience is a quarter of an hour. It counts for TCP's own keepalive probes as well, and so ends connections
// on which nothing is sent.
const tcpUserTimeout = 0x12

// LimitSilence makes the kernel end a TCP connection whose peer has acknowledged nothing for so long. It fails on kernels
// older than the option (Linux 2.6.37), where StallTimeout and Keepalive must do.
func LimitSilence(nc net.Conn, limit time.Duration) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	milliseconds := max(limit.Milliseconds(), 1)
	if milliseconds > math.MaxInt32 {
		return // longer than the kernel can count, and than it waits anyway
	}
	_ = raw.Control(func(descriptor uintptr) {
		_ = syscall.SetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, tcpUserTimeout, int(milliseconds))
	})
}

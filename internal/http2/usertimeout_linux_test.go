// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// userTimeoutOf returns what the kernel knows of a connection.
func userTimeoutOf(t *testing.T, nc net.Conn) time.Duration {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var milliseconds int
	var failure error
	if err := raw.Control(func(descriptor uintptr) {
		milliseconds, failure = syscall.GetsockoptInt(int(descriptor), syscall.IPPROTO_TCP, tcpUserTimeout)
	}); err != nil || failure != nil {
		t.Fatal(err, failure)
	}
	return time.Duration(milliseconds) * time.Millisecond
}

// TestTheKernelIsToldHowLongAPeerMayBeSilent reads the option back: what it does needs a network that swallows packets, and
// has its test in conformance/late.
func TestTheKernelIsToldHowLongAPeerMayBeSilent(t *testing.T) {
	for _, c := range []struct {
		options Options
		want    time.Duration
	}{
		{Options{}, 20 * time.Second},
		{Options{StallTimeout: 3 * time.Second}, 3 * time.Second},
		{Options{StallTimeout: time.Microsecond}, time.Millisecond}, // 0 would be the kernel's own
		{Options{StallTimeout: time.Hour, Keepalive: Keepalive{Interval: time.Hour}}, 20 * time.Second},
		{Options{StallTimeout: time.Hour, Keepalive: Keepalive{Interval: time.Hour, Timeout: 7 * time.Second}}, 7 * time.Second},
		{Options{StallTimeout: time.Second, Keepalive: Keepalive{Interval: time.Hour}}, time.Second},
		{Options{StallTimeout: 100 * 365 * 24 * time.Hour}, 0},
	} {
		clientEnd, serverEnd := modes["tcp"](t)
		server := NewServer(serverEnd, acceptFunc(nil), c.options)
		if got := userTimeoutOf(t, serverEnd); got != c.want {
			t.Errorf("%+v: the kernel waits %v, want %v", c.options, got, c.want)
		}
		server.Close(nil)
		clientEnd.Close()
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package http2

import (
	"net"
	"time"
)

// LimitSilence does nothing where there is no TCP_USER_TIMEOUT: StallTimeout and Keepalive must do.
func LimitSilence(net.Conn, time.Duration) {}

// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package http2

import (
	"net"
	"time"
)

// limitSilence does nothing where there is no TCP_USER_TIMEOUT: StallTimeout and Keepalive must do.
func limitSilence(net.Conn, time.Duration) {}

// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package nonblock

import (
	"io"
	"net"
)

// Of returns the connection: its descriptor is not to be had here.
func Of(nc net.Conn) io.ReadWriter { return nc }

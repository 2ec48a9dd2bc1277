// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// portsTried is how many ports listen tries before it gives up.
const portsTried = 100

// listen listens on a TCP address. If its port is taken and next is set, it takes the next one that is free.
func listen(address string, next bool) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		return listener, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	if !next {
		return nil, fmt.Errorf("cannot listen on %s: another program does (choose another address with -listen): %w", address, err)
	}
	host, portText, splitErr := net.SplitHostPort(address)
	port, portErr := strconv.Atoi(portText)
	if splitErr != nil || portErr != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	for try := port + 1; try < port+portsTried && try < 1<<16; try++ {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(try)))
		if err == nil {
			return listener, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("cannot listen on port %d of %s: %w", try, host, err)
		}
	}
	return nil, fmt.Errorf("cannot listen on %s: that port and the %d after it are taken", address, portsTried-1)
}

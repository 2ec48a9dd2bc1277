// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// ends tells of the end of the connections that it dials.
type ends struct {
	net.Conn
	closed chan<- struct{}
	once   atomic.Bool
}

func (e *ends) Close() error {
	if !e.once.Swap(true) {
		e.closed <- struct{}{}
	}
	return e.Conn.Close()
}

// TestIdleConnectionsClose waits for the end of a connection that nobody uses, and calls again.
func TestIdleConnectionsClose(t *testing.T) {
	for name, options := range map[string]struct {
		client time.Duration
		server server.Options
	}{
		"client": {client: time.Millisecond},
		"server": {server: server.Options{MaxConnectionIdle: time.Millisecond}},
		"age":    {server: server.Options{MaxConnectionAge: time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			address := serveTCP(t, options.server, repeat)
			closed := make(chan struct{}, 100)
			conn := dial(t, address, client.Options{IdleTimeout: options.client, Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
				nc, err := new(net.Dialer).DialContext(ctx, network, address)
				return &ends{Conn: nc, closed: closed}, err
			}})
			for range 3 {
				// With ages this short the call may meet several connections that are about to end.
				if got, err := callPatiently(t, conn); err != nil || got != "x" {
					t.Fatalf("got %q, %v", got, err)
				}
				select {
				case <-closed:
				case <-time.After(10 * time.Second):
					t.Fatal("the connection never ended")
				}
			}
		})
	}
}

func callPatiently(t *testing.T, conn *client.Conn) (got string, err error) {
	for range 10 {
		if got, err = call(t.Context(), conn, "x"); err == nil {
			break
		}
	}
	return got, err
}

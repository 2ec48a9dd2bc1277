// SPDX-License-Identifier: Apache-2.0

// Command floor is what is left when everything that makes an RPC system is taken away: messages with a length in front,
// over TCP or TLS, answered in order by the goroutine that reads them. It has farcall's codec and combines writes. Where the
// handler does nothing, no system can be expected to go below it.
package main

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/farcall/farcall/bench/harness"
)

func main() { harness.Main(system) }

var system = harness.System{
	Name:     "floor",
	Settings: "length-prefixed messages over TCP, farcall's codec, writes combined, answers in order; no headers, streams, limits, deadlines or cancellation",
	Modules:  []string{"google.golang.org/protobuf"},
	Serve: func(listener net.Listener, setup harness.Setup) (func(), error) {
		config, err := setup.ServerTLS()
		if err != nil {
			return nil, err
		}
		serving := &server{listener: listener, tls: config, open: map[net.Conn]struct{}{}}
		serving.running.Go(serving.accept)
		return serving.stop, nil
	},
	Connect: func(ctx context.Context, address string, setup harness.Setup) (harness.Client, error) {
		config, err := setup.ClientTLS()
		if err != nil {
			return nil, err
		}
		var conn net.Conn
		if config == nil {
			conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		} else {
			conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
		}
		if err != nil {
			return nil, err
		}
		c := &client{conn: conn, out: new(queue), under: new(queue)}
		go c.read() // ends with the connection
		return c, nil
	},
}

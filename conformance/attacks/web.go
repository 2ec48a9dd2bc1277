// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"net"
)

// The content types of the protocols that nobody but farcall speaks here.
const (
	connectUnary  = "application/proto"
	connectStream = "application/connect+proto"
	webText       = "application/grpc-web-text"
)

var web = family{"the same by Connect and gRPC-Web", []attack{
	{
		name: "connect-bomb", variant: true, about: "calls by Connect with bodies of 1 MiB that are 1 GiB once they are decompressed",
		only:    []string{farcallSystem.name},
		prepare: func() { bomb() },
		talk: again(func(p *polite) error {
			id := p.beginAs(connectUnary, chargePath, "content-encoding", "gzip")
			return p.sendAll(id, bomb()[prefixBytes:])
		}),
	},
	{
		name: "connect-envelopes", variant: true, about: "sends a million messages of no bytes in one stream of Connect, as many in a frame as there is room for",
		only: []string{farcallSystem.name},
		talk: again(func(p *polite) error {
			return p.sendMillion(p.beginAs(connectStream, settlePath), emptyMessage)
		}),
	},
	{
		name: "text-envelopes", variant: true, about: "sends a million messages of no bytes in base64, in one stream of gRPC-Web",
		only: []string{farcallSystem.name},
		talk: again(func(p *polite) error {
			return p.sendMillion(p.beginAs(webText, settlePath), []byte("AAAAAAA="))
		}),
	},
	{
		name: "connect-half-open", variant: true, about: "begins a thousand streams of Connect in all, and says nothing in them", least: heldStreams,
		only: []string{farcallSystem.name},
		more: func(h *hostile) bool {
			for range h.portion(heldStreams) {
				h.head(h.stream(), h.fieldsAs(connectStream, disputePath), false)
			}
			return false
		},
	},
	{
		name: "connect-half-open-http1", variant: true, about: "begins a stream of Connect over HTTP/1.1 on each of its connections, and says nothing in it", each: 10, least: 10,
		only: []string{farcallSystem.name},
		run: func(ctx context.Context, nc net.Conn, _ int) error {
			if _, err := io.WriteString(nc, http1Head(disputePath)); err != nil {
				return err
			}
			return hold(ctx, nc)
		},
	},
	{
		name: "connect-slow-http1", variant: true, about: "sends a stream of Connect over HTTP/1.1 a byte at a time", each: 10, least: 10,
		only: []string{farcallSystem.name},
		run: func(ctx context.Context, nc net.Conn, _ int) error {
			if _, err := io.WriteString(nc, http1Head(settlePath)); err != nil {
				return err
			}
			return dribble(ctx, nc, bytes.Repeat([]byte("5\r\n\x00\x00\x00\x00\x00\r\n"), 1000))
		},
	},
}}

// http1Head begins a stream of Connect over HTTP/1.1.
func http1Head(path string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + connectStream + "\r\nTransfer-Encoding: chunked\r\n\r\n"
}

// again makes calls one after the other; the server may end each.
func again(call func(p *polite) error) func(p *polite) error {
	return func(p *polite) error {
		for {
			if err := call(p); err != nil && err != errReset {
				return err
			}
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
}

// beginAs opens a stream in another protocol than gRPC.
func (p *polite) beginAs(contentType, path string, more ...string) uint32 {
	id := p.stream()
	p.head(id, p.fieldsAs(contentType, path, more...), false)
	p.opened(id)
	return id
}

// sendAll sends a whole body.
func (p *polite) sendAll(id uint32, body []byte) error {
	if err := p.send(id, body, 16<<10); err != nil {
		return err
	}
	p.data(id, true, nil)
	return nil
}

// sendMillion sends a message a million times.
func (p *polite) sendMillion(id uint32, message []byte) error {
	const million, packed = 1_000_000, 2000
	body := bytes.Repeat(message, packed)
	for range million / packed {
		if err := p.send(id, body, 16<<10); err != nil {
			return err
		}
	}
	p.data(id, true, nil)
	return nil
}

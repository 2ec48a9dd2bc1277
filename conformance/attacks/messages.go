// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"sync"
)

var messages = family{"messages that are larger, or smaller, than is good", []attack{
	{
		name: "compression-bomb", about: "sends messages of 1 MiB that are 1 GiB once they are decompressed",
		only:    []string{farcallSystem.name, grpcgoSystem.name}, // net/http decompresses nothing
		prepare: func() { bomb() },
		talk: func(p *polite) error {
			for {
				id := p.begin(chargePath, "grpc-encoding", "gzip")
				if err := p.send(id, bomb(), 16<<10); err != nil && err != errReset {
					return err
				}
				p.data(id, true, nil)
				if err := p.flush(); err != nil {
					return err
				}
			}
		},
	},
	{
		name: "tiny-messages", variant: true, about: "sends a million messages of no bytes in one stream, each in a frame of its own",
		talk: millions(settlePath, prefixBytes),
	},
	{
		name: "tiny-messages-packed", about: "sends a million messages of no bytes in one stream, as many in a frame as there is room for",
		talk: millions(settlePath, 16000),
	},
	{
		name: "tiny-echoes", about: "the same to a method that answers each",
		talk: millions(disputePath, prefixBytes),
	},
	{
		name: "dribbled-message", about: "sends messages a byte in a frame",
		talk: func(p *polite) error {
			id := p.begin(settlePath)
			record := append(appendPrefix(nil, false, 1002), 0x0a, 0xe7, 0x07) // a payment_id of 999 bytes
			record = append(record, bytes.Repeat([]byte{'x'}, 999)...)
			for {
				if err := p.send(id, record, 1); err != nil {
					return err
				}
			}
		},
	},
	{
		name: "announced-message", least: 2 * heldStreams, about: "announces messages of nearly 4 MiB that never come, in a thousand calls in all",
		more: announce(mostReceived - 1),
	},
	{
		name: "announced-too-large", about: "announces messages of 4 GiB, in a thousand calls in all, again and again",
		more: func(h *hostile) bool {
			announce(1<<32 - 1)(h)
			return true
		},
	},
}}

// millions sends messages of no bytes, a million in a stream, in frames of about so many bytes.
func millions(path string, frameBytes int) func(p *polite) error {
	const million = 1_000_000
	body := bytes.Repeat(emptyMessage, frameBytes/prefixBytes)
	return func(p *polite) error {
		for {
			id := p.begin(path)
			for sent := 0; sent < million; sent += len(body) / prefixBytes {
				if err := p.send(id, body, len(body)); err != nil {
					return err
				}
			}
			p.data(id, true, nil)
		}
	}
}

// announce begins messages of so many bytes, in a share of a thousand calls.
func announce(length uint32) func(h *hostile) bool {
	return func(h *hostile) bool {
		for range h.portion(heldStreams) {
			h.data(h.request(chargePath, false), false, append(appendPrefix(nil, false, length), 0))
		}
		return false
	}
}

// bomb is a message of 1 MiB that is 1 GiB once it is decompressed: a gzip file may have many members (RFC 1952 section
// 2.2), and these are all the same.
var bomb = sync.OnceValue(func() []byte {
	const members = 1024
	var one bytes.Buffer
	writer, err := gzip.NewWriterLevel(&one, gzip.BestCompression)
	must(err)
	_, err = writer.Write(make([]byte, 1<<30/members))
	must(err)
	must(writer.Close())
	all := bytes.Repeat(one.Bytes(), members)
	return append(appendPrefix(nil, true, uint32(len(all))), all...)
})

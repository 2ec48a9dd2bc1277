// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

var malformed = family{"conversations that are broken at every byte", []attack{
	{
		name: "truncated", about: "leaves after each byte of a proper conversation, abruptly and not",
		run: func(_ context.Context, nc net.Conn, serial int) error {
			said := transcript()
			return say(nc, said[:serial/2%len(said)], serial%2 == 0)
		},
	},
	{
		name: "oversized", about: "makes each frame of a proper conversation longer than any limit, or than what comes",
		run: func(_ context.Context, nc net.Conn, serial int) error {
			lengths := [...]int{1<<24 - 1, 1 << 14, 1<<14 + 1, 1 << 12, 1}
			starts := frameStarts(transcript())
			start, length := starts[serial/len(lengths)%len(starts)], lengths[serial%len(lengths)]
			said := append([]byte(nil), transcript()...)
			said[start], said[start+1], said[start+2] = byte(length>>16), byte(length>>8), byte(length)
			return say(nc, said, serial%2 == 0)
		},
	},
	{
		name: "garbled", variant: true, about: "flips each bit of a proper conversation",
		run: func(_ context.Context, nc net.Conn, serial int) error {
			said := append([]byte(nil), transcript()...)
			said[serial/8%len(said)] ^= 1 << (serial % 8)
			return say(nc, said, serial%2 == 0)
		},
	},
}}

// transcript is a proper conversation with every kind of frame that a client may send.
var transcript = sync.OnceValue(func() []byte {
	h := newHostile([]setting{{ID: http2.SettingInitialWindowSize, Val: 1 << 16}})
	h.windowUpdate(0, 1<<16)
	id := h.stream()
	block := append([]byte(nil), h.requestFields(chargePath, "x-note", "with a continuation")...)
	must(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:20]}))
	must(h.framer.WriteContinuation(id, true, block[20:]))
	message, err := appendMessage(nil, chargeRequest())
	must(err)
	h.data(id, true, message)
	h.ping()
	id = h.request(disputePath, false)
	h.priority(id, 0, 10)
	h.windowUpdate(id, 100)
	must(h.framer.WriteDataPadded(id, false, emptyMessage, make([]byte, 7)))
	h.reset(id)
	must(h.framer.WriteSettingsAck())
	must(h.framer.WriteGoAway(0, http2.ErrCodeNo, []byte("bye")))
	return h.out.Bytes()
})

// frameStarts returns where the frames behind the preface begin.
func frameStarts(said []byte) (starts []int) {
	for at := len(http2.ClientPreface); at < len(said); {
		starts = append(starts, at)
		at += 9 + int(said[at])<<16 + int(said[at+1])<<8 + int(said[at+2])
	}
	return starts
}

// say sends all of it and leaves: at once, or when the server has had a moment to answer.
func say(nc net.Conn, said []byte, abruptly bool) error {
	if _, err := nc.Write(said); err != nil {
		return err
	}
	if !abruptly {
		_ = nc.(*net.TCPConn).CloseWrite()
		_ = nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = nc.Read(make([]byte, 512))
	}
	return errLeave
}

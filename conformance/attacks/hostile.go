// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

type setting = http2.Setting

// hostile is the frames that the attacker has for one connection. Nothing keeps it from breaking the protocol.
type hostile struct {
	out    bytes.Buffer
	frames int // in out
	next   uint32
	turn   int // the script's own

	connections int // that the attack has, for those that share something out

	framer  *http2.Framer
	block   bytes.Buffer
	encoder *hpack.Encoder
}

// batchBytes is about what a script appends at a time.
const batchBytes = 32 << 10

// newHostile returns a connection whose first frames, preface and SETTINGS, are appended already.
func newHostile(settings []setting) *hostile {
	h := &hostile{next: 1}
	h.framer = http2.NewFramer(counted{h}, nil)
	h.framer.AllowIllegalWrites = true
	h.encoder = hpack.NewEncoder(&h.block)
	h.out.WriteString(http2.ClientPreface)
	must(h.framer.WriteSettings(settings...))
	return h
}

// counted counts what the framer writes: one Write a frame.
type counted struct{ h *hostile }

func (c counted) Write(b []byte) (int, error) {
	c.h.frames++
	return c.h.out.Write(b)
}

// must is for writes to memory, which cannot fail: if one does, the script is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// full reports that the batch is large enough.
func (h *hostile) full() bool { return h.out.Len() >= batchBytes }

// usedUp reports that the connection has no stream identifiers left.
func (h *hostile) usedUp() bool { return h.next > 1<<31-1<<20 }

// stream returns the next stream's identifier.
func (h *hostile) stream() uint32 {
	id := h.next
	h.next += 2
	return id
}

// fields encodes a header block; it is valid until the next call.
func (h *hostile) fields(pairs ...string) []byte {
	h.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		must(h.encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}))
	}
	return h.block.Bytes()
}

// requestFields are those of a proper call, and more.
func (h *hostile) requestFields(path string, more ...string) []byte {
	return h.fieldsAs("application/grpc", path, append([]string{"te", "trailers"}, more...)...)
}

// fieldsAs are those of a call in any protocol.
func (h *hostile) fieldsAs(contentType, path string, more ...string) []byte {
	return h.fields(append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "localhost",
		"content-type", contentType}, more...)...)
}

// head appends HEADERS with a whole block.
func (h *hostile) head(id uint32, block []byte, end bool) {
	must(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: end}))
}

// request opens a stream with a proper head.
func (h *hostile) request(path string, end bool) (id uint32) {
	id = h.stream()
	h.head(id, h.requestFields(path), end)
	return id
}

// call makes a proper call.
func (h *hostile) call() (id uint32) {
	id = h.request(chargePath, false)
	h.data(id, true, emptyMessage)
	return id
}

// portion is this connection's part of so many: one at least.
func (h *hostile) portion(all int) int { return max(1, all/h.connections) }

func (h *hostile) data(id uint32, end bool, body []byte) { must(h.framer.WriteData(id, end, body)) }

func (h *hostile) reset(id uint32) { must(h.framer.WriteRSTStream(id, http2.ErrCodeCancel)) }

func (h *hostile) ping() { must(h.framer.WritePing(false, [8]byte{1, 2, 3})) }

func (h *hostile) windowUpdate(id, increment uint32) {
	must(h.framer.WriteRawFrame(http2.FrameWindowUpdate, 0, id, binary.BigEndian.AppendUint32(nil, increment)))
}

func (h *hostile) setting(id http2.SettingID, value uint32) {
	must(h.framer.WriteSettings(http2.Setting{ID: id, Val: value}))
}

func (h *hostile) priority(id, dependency uint32, weight uint8) {
	payload := append(binary.BigEndian.AppendUint32(nil, dependency), weight)
	must(h.framer.WriteRawFrame(http2.FramePriority, 0, id, payload))
}

// emptyMessage is a whole message of no bytes behind its prefix.
var emptyMessage = appendPrefix(nil, false, 0)

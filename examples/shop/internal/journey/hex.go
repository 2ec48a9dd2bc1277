// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"fmt"
	"strings"
)

// bytesPerLine is how many bytes stand in one line.
const bytesPerLine = 12

// hexText returns bytes as pairs of digits. The last ones, those of masked, are shown as dots.
func hexText(data, masked []byte) []string {
	texts := make([]string, len(data))
	for i, b := range data {
		texts[i] = fmt.Sprintf("%02x", b)
		if i >= len(data)-len(masked) {
			texts[i] = "··"
		}
	}
	return texts
}

// hex writes bytes at the left and what they mean at the right, each in as many lines as it needs.
func (p *page) hex(indent string, bytes []string, meaning ...string) {
	width := bytesPerLine*3 - 1
	for line := 0; line*bytesPerLine < len(bytes) || line < len(meaning); line++ {
		left, right := "", ""
		if line*bytesPerLine < len(bytes) {
			left = indent + strings.Join(bytes[line*bytesPerLine:min(len(bytes), (line+1)*bytesPerLine)], " ")
		}
		if line < len(meaning) {
			right = meaning[line]
		}
		// By runes, since a masked byte is two of them.
		pad := strings.Repeat(" ", max(0, width+4-len([]rune(left))))
		fmt.Fprintf(&p.text, "%s\n", strings.TrimRight("    "+left+pad+"  "+right, " "))
	}
}

// The frame types that a call has, and the flags of each (RFC 9113 section 6).
var frameTypes = map[string]struct {
	code  byte
	flags map[uint8]string
}{
	"DATA":          {0x0, map[uint8]string{0x1: "END_STREAM"}},
	"HEADERS":       {0x1, map[uint8]string{0x1: "END_STREAM", 0x4: "END_HEADERS"}},
	"RST_STREAM":    {0x3, nil},
	"CONTINUATION":  {0x9, map[uint8]string{0x4: "END_HEADERS"}},
	"WINDOW_UPDATE": {0x8, nil},
}

// frameHeaderBytes is the size of a frame's own header (RFC 9113 section 4.1), prefixBytes that of a gRPC message's
// (grpc/grpc doc/PROTOCOL-HTTP2.md).
const (
	frameHeaderBytes = 9
	prefixBytes      = 5
)

// frames shows a call's frames: their headers, and what their payloads are.
func (p *page) frames(t traffic, headers, message string) {
	p.text.WriteByte('\n')
	for _, f := range t.frames {
		length := len(f.payload)
		header := []byte{byte(length >> 16), byte(length >> 8), byte(length), frameTypes[f.kind].code, f.flags,
			byte(f.stream >> 24), byte(f.stream >> 16), byte(f.stream >> 8), byte(f.stream)}
		p.hex("", hexText(header, nil), fmt.Sprintf("%s frame of stream %d, %d bytes%s", f.kind, f.stream, length, flagText(f)))
		switch {
		case f.kind == "HEADERS":
			p.hex("", []string{"…"}, headers)
		case f.kind == "DATA" && length >= prefixBytes:
			p.hex("", hexText(f.payload[:1], nil), "not compressed")
			p.hex("", hexText(f.payload[1:prefixBytes], nil), fmt.Sprintf("a message of %d bytes follows", length-prefixBytes))
			p.hex("", []string{"…"}, message)
		}
	}
}

func flagText(f frame) string {
	text := ""
	for bit := uint8(1); bit != 0; bit <<= 1 {
		if name := frameTypes[f.kind].flags[bit]; name != "" && f.flags&bit != 0 {
			text += ", " + name
		}
	}
	return text
}

// message returns the encoded message that a call's DATA frames carry, behind its prefix.
func message(t traffic) []byte {
	var data []byte
	for _, f := range t.frames {
		if f.kind == "DATA" {
			data = append(data, f.payload...)
		}
	}
	return data[min(prefixBytes, len(data)):]
}

// wireBytes is the size of a call's frames in one direction.
func wireBytes(t traffic) int {
	total := 0
	for _, f := range t.frames {
		total += frameHeaderBytes + len(f.payload)
	}
	return total
}

// Picture returns the SVG of the two services and the fourteen steps, with this journey's sizes.
func (r *Record) Picture() []byte {
	return draw(sizes{
		jsonIn: len(r.ask.body), request: len(message(r.there)), requestFrames: wireBytes(r.there),
		responseFrames: wireBytes(r.back), response: len(message(r.back)), jsonOut: len(r.answer.body),
	})
}

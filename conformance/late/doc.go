// SPDX-License-Identifier: Apache-2.0

// Package late holds the tests that nothing is ever late: a peer that stops reading, a network that swallows packets, a
// handler that never returns. Every call still ends by its deadline, every resource comes back, and Shutdown ends when
// its context does.
//
// What breaks is a script in the place of a server (peer), a proxy between the two ends (proxy), or packets between two
// network namespaces (network), which needs root, iproute2 and nftables. Whatever might end a call but its deadline is
// turned off in these tests, so that a call which returns at all returns by it.
package late

// SPDX-License-Identifier: Apache-2.0

// Command bench measures farcall beside its peers: a client and a server process for each system, all on this machine,
// taking turns.
//
// Every system is started once, as two processes with one connection between them. Then the systems take turns, round
// after round, so that what disturbs the machine disturbs all of them; the ratios are taken within a round. A client
// keeps a fixed number of calls in flight, each on a goroutine of its own that makes the next call when the last has
// returned.
//
// To add a system, write a file system_NAME.go and name it in the list in system.go. To add a load, add it to the list
// in load.go.
package main

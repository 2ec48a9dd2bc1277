// SPDX-License-Identifier: Apache-2.0

// Command codec measures how long it takes to encode and decode messages, with protobuf-go, vtprotobuf and farcall in turn.
//
// What is measured is the processor time of the whole process, the garbage collector included: other programs that run at
// the same time change it less than they change the time on the wall. A turn lasts a fixed time, the systems take turns
// round after round, and the ratios are taken within a round.
package main

//go:generate env GOWORK=off go -C ../../cmd run ./farcall generate ../bench/codec/proto
//go:generate env GOWORK=off go run ./generate

// SPDX-License-Identifier: Apache-2.0

// Command codec measures how long it takes to encode and decode messages, with protobuf-go, vtprotobuf and farcall in turn.
//
// What is measured is the processor time of the process. The systems take turns, round after round, and the ratios are taken
// within a round. A turn is long enough for the garbage collector to be in it. On a machine that others load as well that
// brings the systems nearer to each other, because all leave the same messages behind, and the collector and the cache misses
// become dearer; short turns (-turn 500us -rounds 400) leave most of that out of the median.
package main

//go:generate env GOWORK=off go -C ../../cmd run ./farcall generate ../bench/codec/proto
//go:generate env GOWORK=off go run ./generate

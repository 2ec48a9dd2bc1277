// SPDX-License-Identifier: Apache-2.0

// Package codec proves that farcall's encoding of messages is protobuf's: random messages, and random bytes that are nearly
// messages, go through both. The packages below have the messages: every kind of field in proto2, proto3 and editions, with
// the open, the hybrid and the opaque API.
package codec

//go:generate env GOWORK=off go -C ../../cmd run ./farcall generate ../conformance/codec/proto

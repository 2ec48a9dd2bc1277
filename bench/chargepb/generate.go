// SPDX-License-Identifier: Apache-2.0

// Package chargepb holds the messages and the service that every measured system speaks.
package chargepb

//go:generate env GOWORK=off go -C ../../conformance run ./generate -import ../bench/chargepb -package github.com/farcall/farcall/bench/chargepb -out ../bench/chargepb -plugins go,farcall charge.proto

// kitex has a codec of its own, which hangs on the messages: only its program is built with it.
//
//go:generate env GOWORK=off go -C ../../conformance run ./generate -import ../bench/chargepb -package github.com/farcall/farcall/bench/chargepb -out ../bench/chargepb -plugins fastpb -tag kitex charge.proto

// SPDX-License-Identifier: Apache-2.0

// Package edgepb holds the service that an edge offers over REST, with the messages of chargepb.
package edgepb

//go:generate env GOWORK=off go -C ../../conformance run ./generate -import ../bench/edgepb:../bench/chargepb -package github.com/farcall/farcall/bench/edgepb -out ../bench/edgepb -plugins go,farcall edge.proto

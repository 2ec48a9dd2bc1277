// SPDX-License-Identifier: Apache-2.0

// Package drpcpb is drpc's generated code for the service of chargepb, apart from it so that the other systems'
// programs do not contain drpc.
package drpcpb

import "github.com/farcall/farcall/bench/chargepb"

//go:generate env GOWORK=off go -C ../../../../conformance run ./generate -import ../bench/chargepb -package github.com/farcall/farcall/bench/systems/drpc/drpcpb -out ../bench/systems/drpc/drpcpb -plugins go-drpc charge.proto

// The generator believes that the messages are in its package.
type (
	ChargeRequest  = chargepb.ChargeRequest
	ChargeResponse = chargepb.ChargeResponse
	Payload        = chargepb.Payload
	WatchRequest   = chargepb.WatchRequest
	SettleResponse = chargepb.SettleResponse
)

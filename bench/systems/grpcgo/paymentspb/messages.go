// SPDX-License-Identifier: Apache-2.0

// Package paymentspb is grpc-go's generated code for the service of chargepb, apart from it so that the other systems'
// programs do not contain grpc-go.
package paymentspb

import "github.com/farcall/farcall/bench/chargepb"

//go:generate env GOWORK=off go -C ../../../../conformance run ./generate -import ../bench/chargepb -package github.com/farcall/farcall/bench/systems/grpcgo/paymentspb -out ../bench/systems/grpcgo/paymentspb -plugins go-grpc charge.proto

// The generator believes that the messages are in its package.
type (
	ChargeRequest  = chargepb.ChargeRequest
	ChargeResponse = chargepb.ChargeResponse
	Payload        = chargepb.Payload
	WatchRequest   = chargepb.WatchRequest
	SettleResponse = chargepb.SettleResponse
)

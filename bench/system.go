// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/farcall/farcall/bench/chargepb"
)

// system is something that carries calls between two processes.
type system struct {
	name     string
	settings string // what is not a default, for the report

	// serve answers calls on the listener until stop is called.
	serve func(listener net.Listener) (stop func(), err error)
	// connect returns a client with one connection.
	connect func(ctx context.Context, address string) (client, error)
}

// client makes calls on one connection, from any number of goroutines.
type client interface {
	Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error)
	Close()
}

// systems are all that can be measured, in the order of their turns.
var systems = []system{farcallSystem, grpcgoSystem, floorSystem, jsonSystem}

// baseline is the system that the others are compared with.
const baseline = "grpc-go"

func findSystem(name string) (system, error) {
	var known []string
	for _, s := range systems {
		if s.name == name {
			return s, nil
		}
		known = append(known, s.name)
	}
	return system{}, fmt.Errorf("no system %q; there are: %s", name, strings.Join(known, ", "))
}

// charge is the one handler: every system's server calls it. The answer depends on the work, so that the work is done.
func charge(request *chargepb.ChargeRequest) *chargepb.ChargeResponse {
	return &chargepb.ChargeResponse{
		PaymentId: "pay_7d1f0c9ab3e24e55",
		Status:    chargepb.Status_STATUS_PAID,
		ChargedAt: 1_795_300_000 + int64(burn(request.GetWork())&1),
		Charged:   &chargepb.Money{CurrencyCode: request.GetAmount().GetCurrencyCode(), Units: request.GetAmount().GetUnits(), Nanos: request.GetAmount().GetNanos()},
	}
}

// burn does rounds of arithmetic that depend on each other, about two nanoseconds each.
func burn(rounds int64) uint64 {
	x := uint64(rounds)
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

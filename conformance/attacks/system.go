// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
)

// system is a server that can be attacked, with its own kind's client.
type system struct {
	name string

	// serve answers calls on the listener until stop is called; secure is nil for plaintext.
	serve func(listener net.Listener, secure *tls.Config) (stop func(), err error)
	// connect returns a client with a connection of its own; secure is nil for plaintext.
	connect func(address string, secure *tls.Config) (caller, error)
}

// caller is a well-behaved client. It may be used from any number of goroutines.
type caller interface {
	// Charge makes one call and checks the answer.
	Charge(ctx context.Context) error
	// Dispute begins a two-way stream.
	Dispute(ctx context.Context) (conversation, error)
	Close()
}

// conversation is a two-way stream whose messages are echoed.
type conversation interface {
	// Say sends a message and waits for its echo.
	Say(text string) error
	Close()
}

// systems are all that can be attacked, in the order of their turns.
var systems = []system{farcallSystem, grpcgoSystem, nethttpSystem}

func findSystem(name string) (system, error) {
	for _, s := range systems {
		if s.name == name {
			return s, nil
		}
	}
	return system{}, fmt.Errorf("no system %q; there are: %s", name, namesOf(systems, func(s system) string { return s.name }))
}

func namesOf[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = name(one)
	}
	return strings.Join(names, ",")
}

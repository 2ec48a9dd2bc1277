// SPDX-License-Identifier: Apache-2.0

// Package greetingpb is a service for programs that call it over REST.
package greetingpb

//go:generate env GOWORK=off go -C ../../../cmd run ./farcall generate ../conformance/suites/greetingpb

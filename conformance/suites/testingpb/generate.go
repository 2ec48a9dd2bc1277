// SPDX-License-Identifier: Apache-2.0

// Package testingpb is the services and messages of gRPC's interoperability tests.
package testingpb

//go:generate env GOWORK=off go -C ../../../cmd run ./farcall generate ../conformance/suites/testingpb

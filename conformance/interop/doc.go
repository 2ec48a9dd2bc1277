// SPDX-License-Identifier: Apache-2.0

// Package interop makes farcall and grpc-go call each other: one set of tests over every pair of client and server. The
// pair of grpc-go with itself is the control: what it does is what the tests demand of the others.
package interop

// SPDX-License-Identifier: Apache-2.0

// Package paymentspb is the shop's payments.proto once more, with grpc-go's stub and farcall's side by side.
//
// The shop has a package of its own generated from the same file. One binary must never link both: the second
// registration of one file's names panics. So the shop takes part in these tests as a process.
package paymentspb

//go:generate env GOWORK=off go -C .. run ./generate -import ../examples/shop/proto -package github.com/farcall/farcall/conformance/paymentspb -out paymentspb payments.proto

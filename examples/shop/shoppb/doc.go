// SPDX-License-Identifier: Apache-2.0

// Package shoppb is the generated code of the shop's two services, Orders and Payments, and of their messages.
package shoppb

//go:generate env GOWORK=off go -C ../../../cmd run ./farcall generate ../examples/shop/proto
//go:generate env GOWORK=off go -C ../../../cmd run ./farcall openapi ../examples/shop/proto --out ../examples/shop/openapi.json

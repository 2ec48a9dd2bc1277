// SPDX-License-Identifier: Apache-2.0

// Package shoppb is the generated code of the shop's two services, Orders and Payments, and of their messages.
package shoppb

//go:generate go run github.com/farcall/farcall/cmd/farcall generate ../proto

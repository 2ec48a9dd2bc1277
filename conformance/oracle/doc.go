// SPDX-License-Identifier: Apache-2.0

// Package oracle compares farcall's HTTP/2 frames and header compression with those of golang.org/x/net: what one side
// writes the other must read, and both must refuse the same.
package oracle

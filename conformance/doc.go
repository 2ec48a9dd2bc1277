// SPDX-License-Identifier: Apache-2.0

// Package conformance judges farcall by the code of others: grpc-go at the other end of the wire, golang.org/x/net for
// frames and header compression. It is a module of its own, so that neither becomes a dependency of farcall.
package conformance

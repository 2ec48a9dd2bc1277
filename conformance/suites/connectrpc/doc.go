// SPDX-License-Identifier: Apache-2.0

// Package connectrpc runs the connectrpc conformance suite (github.com/connectrpc/conformance), all of it: its
// reference clients judge our server, its reference servers judge our client.
//
// The suite's program starts the peer under test itself and tells it over standard input what to do. The peers are this
// package's test binary, started anew: so the race detector watches them where it watches the tests.
package connectrpc

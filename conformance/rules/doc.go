// SPDX-License-Identifier: Apache-2.0

// Package rules holds the rules of calls, streams and errors as tests: each breaks when its rule does.
//
// One interface serves both ends, so one test body runs in every mode: the stub over plaintext and over TLS, the stub in
// the process (server.Local), and the bare struct. What the bare struct does differently is a list, and a test.
package rules

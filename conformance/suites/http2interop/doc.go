// SPDX-License-Identifier: Apache-2.0

// Package http2interop runs gRPC's interoperability tests of what HTTP/2 servers may do to a client (grpc/grpc
// doc/http2-interop-test-descriptions.md): go away, reset a stream at every stage of an answer, ping, allow one stream at a
// time, send mostly padding. The server is a script, since the public one needs Python 2; grpc-go's client for these tests
// shows that it plays them right, and our client does them.
package http2interop

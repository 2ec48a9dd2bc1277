// SPDX-License-Identifier: Apache-2.0

// Package grpcinterop runs gRPC's official interoperability tests (grpc/grpc doc/interop-test-descriptions.md): grpc-go's
// interop client judges our server, and our client does the same cases with grpc-go's interop server.
package grpcinterop

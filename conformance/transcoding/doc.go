// SPDX-License-Identifier: Apache-2.0

// Package transcoding holds REST against grpc-gateway: the same .proto file, the same requests, and a list of what the two
// make of them differently.
package transcoding

//go:generate env GOWORK=off go -C .. run ./generate -import transcoding/proto -package github.com/farcall/farcall/conformance/transcoding/echopb -out transcoding/echopb -plugins go,go-grpc,farcall,grpc-gateway echo.proto

// SPDX-License-Identifier: Apache-2.0

// Package pb has the generated messages of the standard services, in registries of their own.
//
// Each protocol's messages are in a package below this one. `make generate` makes them from the .proto files beside
// them. A file whose descriptor were in protobuf's global registry would panic at init in every program that also links
// grpc-go's package for the same service.
package pb

//go:generate env GOWORK=off go -C ../../tools run ./standardpb ../internal/pb

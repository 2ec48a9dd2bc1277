// SPDX-License-Identifier: Apache-2.0

// Package testmessages is above messages whose .proto files are not here: those that the protobuf project tests its own
// implementations with, and some in edition 2024.
package testmessages

//go:generate env GOWORK=off go run ./generate

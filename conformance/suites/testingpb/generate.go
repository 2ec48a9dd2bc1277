// SPDX-License-Identifier: Apache-2.0

// Package testingpb is the services and messages of gRPC's interoperability tests.
package testingpb

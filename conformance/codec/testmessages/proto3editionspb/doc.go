// SPDX-License-Identifier: Apache-2.0

// Package proto3editionspb has protobuf's test messages of proto3, moved to an edition.
package proto3editionspb

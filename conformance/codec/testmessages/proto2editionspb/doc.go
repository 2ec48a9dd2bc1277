// SPDX-License-Identifier: Apache-2.0

// Package proto2editionspb has protobuf's test messages of proto2, moved to an edition.
package proto2editionspb

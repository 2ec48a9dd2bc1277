// SPDX-License-Identifier: Apache-2.0

// Package proto3pb has protobuf's test messages in proto3.
package proto3pb

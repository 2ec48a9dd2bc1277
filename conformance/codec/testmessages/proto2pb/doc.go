// SPDX-License-Identifier: Apache-2.0

// Package proto2pb has protobuf's test messages in proto2.
package proto2pb

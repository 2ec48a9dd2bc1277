// SPDX-License-Identifier: Apache-2.0

// Package edition2023pb has protobuf's test messages in edition 2023.
package edition2023pb

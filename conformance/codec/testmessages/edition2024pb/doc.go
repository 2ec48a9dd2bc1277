// SPDX-License-Identifier: Apache-2.0

// Package edition2024pb has messages in edition 2024.
package edition2024pb

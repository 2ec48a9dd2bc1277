// SPDX-License-Identifier: Apache-2.0

// Package protobuf lets the protobuf project's own conformance runner judge how messages are encoded and decoded, and
// how they become JSON and come from it.
package protobuf

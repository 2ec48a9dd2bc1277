// SPDX-License-Identifier: Apache-2.0

// Package proto3pb has the messages of proto3.
package proto3pb

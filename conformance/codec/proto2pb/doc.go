// SPDX-License-Identifier: Apache-2.0

// Package proto2pb has the messages of proto2.
package proto2pb

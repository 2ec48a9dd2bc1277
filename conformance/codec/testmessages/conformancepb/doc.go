// SPDX-License-Identifier: Apache-2.0

// Package conformancepb has the protocol between protobuf's conformance runner and what it tests.
package conformancepb

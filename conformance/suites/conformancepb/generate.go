// SPDX-License-Identifier: Apache-2.0

// Package conformancepb is the service and messages of the connectrpc conformance suite, from the .proto files of the
// version that tools/go.mod pins.
package conformancepb

//go:generate sh generate.sh

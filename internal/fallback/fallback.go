// SPDX-License-Identifier: Apache-2.0

// Package fallback tells tests that the generated encoding of a message and protobuf disagree, which nobody notices
// otherwise: whatever the generated code cannot do, protobuf does.
package fallback

import "google.golang.org/protobuf/proto"

// Disagreed is called, if a test has set it, when protobuf encodes or decodes what generated code could not.
var Disagreed func(message proto.Message)

// Report calls Disagreed.
func Report(message proto.Message) {
	if Disagreed != nil {
		Disagreed(message)
	}
}

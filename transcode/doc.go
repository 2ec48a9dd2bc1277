// SPDX-License-Identifier: Apache-2.0

// Package transcode converts JSON text to messages and back, straight from descriptors.
//
// The mapping is proto3's JSON mapping, as google.golang.org/protobuf/encoding/protojson has it, which does the work for
// now: JSON is converted by way of the typed message. What is accepted and what is written stays the same when the
// conversion comes to work on encoded bytes alone. Unknown fields are errors. Output has no spaces and is the same every
// time for the same message, except that map entries are ordered by key.
//
// Every error that a text causes is an [*Error], which names the line, the column and, where the text allows it, the
// field.
package transcode

// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package codec

// alwaysKnown is empty in a program that was built with the tag farcall_grpconly: to name JSON here is to link protojson.
func alwaysKnown() []Codec { return nil }

// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package codec

// alwaysKnown is what every Table has.
func alwaysKnown() []Codec { return []Codec{JSON} }

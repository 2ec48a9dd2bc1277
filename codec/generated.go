// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/protobuf/proto"
)

// GeneratedVersion1 is what generated code needs of this package: Encoder, Decoder and the functions that take one. Code
// that was generated for another version does not compile.
const GeneratedVersion1 = 1

// generated is a message with a fast path: methods that farcall's generator has written beside protoc-gen-go's. Whatever
// lacks them goes through google.golang.org/protobuf, also in the middle of a message that has them.
//
// No field and no accessor can be called Farcall_encode: in Go names that are made of proto names a capital, a digit or the
// end follows an underscore, never a small letter.
type generated interface {
	proto.Message

	// Reset is protoc-gen-go's.
	Reset()

	// Farcall_size returns the length of the message.
	Farcall_size() int

	// Farcall_encode writes the message in front of i, and returns where it begins.
	Farcall_encode(e *Encoder, i int) int

	// Farcall_decode merges what is in the decoder's data from i to end into the message. It returns end, or less than 0:
	// -1 if the data is not a message, and ^i if a group's end mark was found, which ends in front of i.
	Farcall_decode(d *Decoder, i, end int) int
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"math"

	"github.com/farcall/farcall"
)

// PrefixBytes is the length of what precedes every message: a flag byte and the message's length.
const PrefixBytes = 5

// AppendPrefix appends the prefix of an uncompressed message of length bytes; CheckLength says whether it has room.
func AppendPrefix(dst []byte, length int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(length))
}

// PutPrefix writes the prefix of an uncompressed message of length bytes to the first bytes of dst.
func PutPrefix(dst []byte, length int) {
	dst[0] = 0
	binary.BigEndian.PutUint32(dst[1:PrefixBytes], uint32(length))
}

// CheckLength returns an error for a message that the prefix cannot announce: 4 GiB and more.
func CheckLength(length int) error {
	if uint64(length) > math.MaxUint32 {
		return farcall.Errorf(farcall.ResourceExhausted, "a message of %d bytes cannot be sent: gRPC has room for %d at most, send it as a stream of smaller ones",
			length, uint32(math.MaxUint32))
	}
	return nil
}

// ParsePrefix reads the prefix in the first five bytes of b. A message of more than limit bytes is an error; a negative
// limit is none.
func ParsePrefix(b []byte, limit int) (length int, compressed bool, err error) {
	announced := binary.BigEndian.Uint32(b[1:PrefixBytes])
	if b[0] > 1 {
		return 0, false, farcall.Errorf(farcall.Internal,
			"a message starts with flag byte %d, 0 or 1 is expected: the peer does not speak gRPC here, or bytes were lost or added", b[0])
	}
	if limit < 0 {
		limit = math.MaxInt
	}
	if uint64(announced) > uint64(limit) {
		return 0, false, TooLarge(int(announced), limit)
	}
	return int(announced), b[0] == 1, nil
}

// TooLarge returns the error for a message of more bytes than the receiver takes.
func TooLarge(length, limit int) error {
	return farcall.Errorf(farcall.ResourceExhausted,
		"received a message of %d bytes, the limit is %d: raise Options.MaxReceiveBytes, or send less at a time", length, limit)
}

// OnlyMessage returns the one message of a whole body, for a method that has exactly one in this direction. It is a part
// of body.
func OnlyMessage(body []byte, limit int) (message []byte, compressed bool, err error) {
	if len(body) == 0 {
		return nil, false, farcall.Errorf(farcall.Unimplemented, "no message came, the method has exactly one in this direction: do both sides have the same .proto?")
	}
	if len(body) < PrefixBytes {
		return nil, false, truncated(len(body), PrefixBytes)
	}
	length, compressed, err := ParsePrefix(body, limit)
	if err != nil {
		return nil, false, err
	}
	switch have := len(body) - PrefixBytes; {
	case have < length:
		return nil, false, truncated(have, length)
	case have > length:
		return nil, false, farcall.Errorf(farcall.Unimplemented, "more than one message came, the method has exactly one in this direction: do both sides have the same .proto?")
	}
	return body[PrefixBytes:], compressed, nil
}

// Measure returns the length of a body with one message that begins as it is told, 0 where that is not to be seen.
func Measure(beginning []byte) int {
	if len(beginning) < PrefixBytes {
		return 0
	}
	length, _, err := ParsePrefix(beginning, -1)
	if err != nil {
		return 0
	}
	return PrefixBytes + length
}

// truncated is the error for a body that ends inside a message.
func truncated(have, want int) error {
	return farcall.Errorf(farcall.Internal, "the body ended inside a message: %d of %d bytes came", have, want)
}

// Truncated returns the error for a stream that ended with buffered bytes of an unfinished message.
func Truncated(buffered int) error {
	return farcall.Errorf(farcall.Internal, "the body ended inside a message, %d bytes after its start", buffered)
}

// CheckCompressed returns the error for a message with the compressed flag where encoding, the value of grpc-encoding,
// announced none.
func CheckCompressed(compressed bool, encoding string) error {
	if !compressed || encoding != "" {
		return nil
	}
	return farcall.Errorf(farcall.Internal, "a message has the compressed flag, but grpc-encoding did not say how it is compressed")
}

// UnknownEncoding returns the error for a request with a grpc-encoding that the server does not know.
func UnknownEncoding(encoding string) error {
	return farcall.Errorf(farcall.Unimplemented, "grpc-encoding %q is not known here: send messages uncompressed, or as grpc-accept-encoding says", clip(encoding))
}

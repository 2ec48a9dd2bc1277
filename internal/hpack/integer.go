// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"errors"
	"math"
)

var (
	errTruncated = errors.New("the header block ends inside a field")
	errInteger   = errors.New("the header block has an integer that is too large")
)

// maxIntegerShift is the shift of the last continuation byte that is read: one more would leave what an index, a
// length or a table size can be.
const maxIntegerShift = 28

// readInteger reads an integer whose prefix is the low bits of b[0] (RFC 7541 section 5.1) and returns it, 2^31-1 at
// most, and what follows.
func readInteger(b []byte, bits uint) (int, []byte, error) {
	if len(b) == 0 {
		return 0, nil, errTruncated
	}
	prefix := byte(1)<<bits - 1
	if value := b[0] & prefix; value < prefix {
		return int(value), b[1:], nil
	}
	value := uint64(prefix)
	for i, shift := 1, 0; i < len(b); i, shift = i+1, shift+7 {
		if shift > maxIntegerShift {
			return 0, nil, errInteger
		}
		value += uint64(b[i]&0x7f) << shift
		if b[i]&0x80 == 0 {
			if value > math.MaxInt32 {
				return 0, nil, errInteger
			}
			return int(value), b[i+1:], nil
		}
	}
	return 0, nil, errTruncated
}

// appendInteger appends value with its prefix in the low bits of the first byte, whose other bits are pattern.
func appendInteger(dst []byte, pattern byte, bits uint, value int) []byte {
	prefix := 1<<bits - 1
	if value < prefix {
		return append(dst, pattern|byte(value))
	}
	dst = append(dst, pattern|byte(prefix))
	for value -= prefix; value >= 0x80; value >>= 7 {
		dst = append(dst, byte(value)|0x80)
	}
	return append(dst, byte(value))
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// EncodeStatusMessage returns the value of grpc-message: every byte outside 0x20 to 0x7e, and "%", as "%XX". Bytes that
// are not UTF-8 become U+FFFD first, since the message is Unicode text.
func EncodeStatusMessage(message string) string {
	escapes := 0
	for i := 0; i < len(message); i++ {
		if mustEscape(message[i]) {
			escapes++
		}
	}
	if escapes == 0 {
		return message
	}
	if !utf8.ValidString(message) {
		return EncodeStatusMessage(strings.ToValidUTF8(message, "\uFFFD"))
	}
	encoded := make([]byte, 0, len(message)+2*escapes)
	for i := 0; i < len(message); i++ {
		c := message[i]
		if mustEscape(c) {
			encoded = append(encoded, '%', upperHex[c>>4], upperHex[c&15])
			continue
		}
		encoded = append(encoded, c)
	}
	return string(encoded)
}

func mustEscape(c byte) bool { return c < 0x20 || c > 0x7e || c == '%' }

// DecodeStatusMessage returns the text of a grpc-message. It never fails: an escape that is none stays as it is, and what
// is not UTF-8 becomes U+FFFD.
func DecodeStatusMessage(value string) string {
	if strings.IndexByte(value, '%') < 0 {
		return strings.ToValidUTF8(value, "\uFFFD")
	}
	decoded := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+2 < len(value) {
			high, low := hexDigit(value[i+1]), hexDigit(value[i+2])
			if high >= 0 && low >= 0 {
				decoded = append(decoded, byte(high<<4|low))
				i += 2
				continue
			}
		}
		decoded = append(decoded, value[i])
	}
	return strings.ToValidUTF8(string(decoded), "\uFFFD")
}

// hexDigit returns the digit's value, -1 if it is none.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

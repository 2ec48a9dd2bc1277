// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

const binarySuffix = "-bin"

// maxJoined bounds the values that one "-bin" field may hold, so that a short field cannot become a long list.
const maxJoined = 256

// passedOn reports whether a key that starts with "grpc-" is metadata all the same: tracing libraries and retries hand
// these through the application in every language.
func passedOn(key string) bool {
	switch key {
	case "grpc-trace-bin", "grpc-tags-bin", "grpc-previous-rpc-attempts", "grpc-retry-pushback-ms":
		return true
	}
	return false
}

// reserved returns why key is not metadata, "" if it is. The same keys are refused on sending and not shown on receiving,
// except that a received ":authority" and "user-agent" are shown, as grpc-go does.
func reserved(key string) string {
	switch key {
	case fieldUserAgent:
		return "it is the client's own, set it in client.Options"
	case fieldContentType, fieldTE, fieldHost, "content-length", "connection", "keep-alive", "proxy-connection",
		"trailer", "transfer-encoding", "upgrade":
		return "it belongs to HTTP"
	case fieldStepTimes:
		return "it belongs to farcall"
	}
	if strings.HasPrefix(key, ":") {
		return "it belongs to HTTP/2"
	}
	if strings.HasPrefix(key, "grpc-") && !passedOn(key) {
		return "keys that start with grpc- belong to gRPC"
	}
	return ""
}

// validKey reports whether key is one or more of 0-9 a-z _ - and dot.
func validKey(key string) bool {
	for i := 0; i < len(key); i++ {
		if !keyBytes[key[i]] {
			return false
		}
	}
	return key != ""
}

var keyBytes = func() (allowed [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_.") {
		allowed[b] = true
	}
	return allowed
}()

// printable reports whether value is printable ASCII and spaces. It looks at eight bytes at a time: of a call's metadata every
// byte passes here, on its way out and on its way in.
func printable(value string) bool {
	const each = 0x0101010101010101 // times a byte: that byte in each of the eight
	for len(value) >= 8 {
		eight := uint64(value[0]) | uint64(value[1])<<8 | uint64(value[2])<<16 | uint64(value[3])<<24 |
			uint64(value[4])<<32 | uint64(value[5])<<40 | uint64(value[6])<<48 | uint64(value[7])<<56
		below := (eight - 0x20*each) &^ eight // the top bit is set in a byte below 0x20, and in others only beside one
		above := eight | (eight + each)       // likewise above 0x7e
		if (below|above)&(0x80*each) != 0 {
			return false
		}
		value = value[8:]
	}
	for i := 0; i < len(value); i++ {
		if value[i] < 0x20 || value[i] > 0x7e {
			return false
		}
	}
	return true
}

// secret reports whether a key's value is kept out of compression tables, where an attacker who controls other fields
// could probe for it (RFC 7541 section 7.1.3).
func secret(key string) bool {
	switch key {
	case "authorization", "proxy-authorization", fieldCookie, "set-cookie":
		return true
	}
	return false
}

// AppendMetadata appends a field for each value. It fails with INTERNAL, naming the key, on what must not be sent.
func AppendMetadata(dst []exchange.Field, metadata farcall.Metadata) ([]exchange.Field, error) {
	dst = slices.Grow(dst, metadata.Len())
	for key, value := range metadata.All() {
		if why := reserved(key); why != "" {
			return dst, farcall.Errorf(farcall.Internal, "metadata key %q cannot be sent: %s", clip(key), why)
		}
		if !validKey(key) {
			return dst, farcall.Errorf(farcall.Internal, "metadata key %q cannot be sent: a key is one or more of a-z 0-9 _ - and dot", clip(key))
		}
		switch {
		case strings.HasSuffix(key, binarySuffix):
			value = encodeBinary(value)
		case !printable(value):
			return dst, farcall.Errorf(farcall.Internal,
				"the value of metadata key %q cannot be sent: it is not printable ASCII; a key that ends in -bin takes any bytes", key)
		case value != "" && (value[0] == ' ' || value[len(value)-1] == ' '):
			return dst, farcall.Errorf(farcall.Internal,
				"the value of metadata key %q cannot be sent: it starts or ends with a space, which peers may cut off; a key that ends in -bin takes any bytes", key)
		}
		dst = append(dst, exchange.Field{Name: key, Value: value, Sensitive: secret(key)})
	}
	return dst, nil
}

// AddReceived adds a received field to metadata if it is any, and may make room for more fields behind it. What gRPC does
// not allow in metadata but HTTP does in a field is left out: the specification forbids to fail, and forbids to show what
// the application could not send back.
func AddReceived(metadata *farcall.Metadata, field *exchange.Field, more int) error {
	key, value := field.Name, field.Value
	if reserved(key) != "" || !validKey(key) {
		return nil
	}
	if !strings.HasSuffix(key, binarySuffix) {
		value = strings.Trim(value, " \t")
		if printable(value) {
			metadata.Grow(1 + more)
			metadata.Add(key, value)
		}
		return nil
	}
	for pieces := 0; ; pieces++ {
		piece, rest, found := strings.Cut(value, ",")
		decoded, ok := decodeBinary(piece)
		if !ok || pieces == maxJoined {
			return farcall.Errorf(farcall.Internal, "the value %q of metadata key %q is malformed: keys that end in -bin carry base64", clip(field.Value), clip(key))
		}
		metadata.Grow(1 + more)
		metadata.Add(key, decoded)
		if !found {
			return nil
		}
		value = rest
	}
}

// binaryRoom is for values on their way through base64: longer ones cost an allocation more.
type binaryRoom [128]byte

// encodeBinary encodes to base64 without padding.
func encodeBinary(value string) string {
	var room binaryRoom
	return string(base64.RawStdEncoding.AppendEncode(room[:0], []byte(value)))
}

// decodeBinary decodes base64 with or without padding.
func decodeBinary(value string) (string, bool) {
	value = strings.Trim(value, " \t")
	if strings.ContainsAny(value, "\r\n") { // which package base64 would skip
		return "", false
	}
	if len(value)%4 == 0 { // only then may it be padded
		value = strings.TrimSuffix(strings.TrimSuffix(value, "="), "=")
	}
	var room binaryRoom
	decoded, err := base64.RawStdEncoding.AppendDecode(room[:0], []byte(value))
	return string(decoded), err == nil
}

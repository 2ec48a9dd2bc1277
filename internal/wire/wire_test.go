// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// lines writes fields as a block of "name: value" lines, "!" before the name of a sensitive one.
func lines(fields []exchange.Field) string {
	var out strings.Builder
	for _, f := range fields {
		if f.Sensitive {
			out.WriteByte('!')
		}
		out.WriteString(f.Name + ": " + f.Value + "\n")
	}
	return out.String()
}

// fields reads such a block.
func fields(block string) []exchange.Field {
	var out []exchange.Field
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		out = append(out, exchange.Field{Name: name, Value: value})
	}
	return out
}

// text writes metadata as "key=value key=value".
func text(m farcall.Metadata) string {
	var out []byte
	for key, value := range m.All() {
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = fmt.Appendf(out, "%s=%s", key, value)
	}
	return string(out)
}

// expectFailure checks that err has the code and mentions every word.
func expectFailure(t *testing.T, err error, code farcall.Code, words ...string) {
	t.Helper()
	if farcall.CodeOf(err) != code {
		t.Errorf("error %v, want code %v", err, code)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not mention %q", err, word)
		}
	}
}

func TestSubtype(t *testing.T) {
	for contentType, want := range map[string]string{
		"application/grpc":                      "",
		"application/grpc+proto":                "proto",
		"application/grpc+json":                 "json",
		"Application/GRPC+Proto":                "proto",
		"application/grpc;charset=utf-8":        "",
		"application/grpc+proto ; charset=utf8": "proto",
		"application/grpc+":                     "",
	} {
		if got, ok := wire.Subtype(contentType); !ok || got != want {
			t.Errorf("Subtype(%q) = %q, %v; want %q", contentType, got, ok, want)
		}
	}
	for _, contentType := range []string{
		"", "application/grp", "application/grpc-web", "application/grpc-web+proto", "application/grpcx", "application/json", "text/html",
	} {
		if got, ok := wire.Subtype(contentType); ok {
			t.Errorf("Subtype(%q) = %q, it is not gRPC's", contentType, got)
		}
	}
}

func TestResetCode(t *testing.T) {
	// The table of PROTOCOL-HTTP2.md, by the numbers of RFC 9113 section 7.
	for number, want := range map[uint32]farcall.Code{
		0x0: farcall.Internal, 0x1: farcall.Internal, 0x2: farcall.Internal, 0x3: farcall.Internal, 0x4: farcall.Internal,
		0x5: farcall.Internal, 0x6: farcall.Internal, 0x7: farcall.Unavailable, 0x8: farcall.Canceled, 0x9: farcall.Internal,
		0xa: farcall.Internal, 0xb: farcall.ResourceExhausted, 0xc: farcall.PermissionDenied, 0xd: farcall.Internal,
		0xe: farcall.Unknown, 0xffffffff: farcall.Unknown,
	} {
		if got := wire.ResetCode(number); got != want {
			t.Errorf("ResetCode(%#x) = %v, want %v", number, got, want)
		}
	}
}

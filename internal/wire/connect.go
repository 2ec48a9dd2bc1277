// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// Connect (connectrpc.com/docs/protocol) has two forms: a unary call is one HTTP request whose body is the message and
// whose status and headers say everything else; a call with streams has messages behind gRPC's prefix, and ends in one
// with a flag of its own that says in JSON how it went.

const (
	// ConnectType and a codec's name, "proto" or "json", are the content type of Connect's unary calls.
	ConnectType = "application/"
	// ConnectStreamType and a codec's name are the content type of Connect's calls with streams.
	ConnectStreamType = "application/connect+"
	// ConnectVersion is the version of the protocol.
	ConnectVersion = "1"
)

const (
	fieldContentEncoding       = "content-encoding"
	fieldHTTPAcceptEncoding    = "accept-encoding"
	fieldConnectVersion        = "connect-protocol-version"
	fieldConnectTimeout        = "connect-timeout-ms"
	fieldConnectEncoding       = "connect-content-encoding"
	fieldConnectAcceptEncoding = "connect-accept-encoding"
	connectPrefix              = "connect-"
	connectTrailer             = "trailer-" // before the name of a trailer, in the head of a unary answer
)

// ParseConnect reads the head of a Connect request into request, whose Subtype it leaves alone. streaming says in which
// of the two forms the call is. Request.Metadata is complete also where it fails, with what is wrong.
func ParseConnect(head exchange.Head, streaming bool, request *Request) error {
	var failure error
	for field := range head.All {
		if err := request.takeConnect(&field, streaming); err != nil && failure == nil {
			failure = err
		}
	}
	if request.Authority == "" && request.host != "" {
		request.takeAuthority(&exchange.Field{Name: fieldAuthority, Value: request.host}, 0)
	}
	request.joinCookies()
	if failure == nil && request.failure != nil {
		failure = invalid("%s", request.failure.Failure.Message)
	}
	return failure
}

func invalid(format string, args ...any) error {
	return farcall.Errorf(farcall.InvalidArgument, format, args...)
}

// takeConnect reads one field.
func (r *Request) takeConnect(field *exchange.Field, streaming bool) error {
	switch field.Name {
	case fieldMethod, fieldPath, fieldScheme, fieldAuthority, fieldHost, fieldUserAgent:
		r.take(field, 0)
	case fieldConnectVersion:
		if field.Value != ConnectVersion {
			return invalid("connect-protocol-version %q is not spoken here, %s is", clip(field.Value), ConnectVersion)
		}
	case fieldConnectTimeout:
		timeout, err := ParseConnectTimeout(field.Value)
		if err != nil {
			return invalid("%v", err)
		}
		r.Timeout, r.HasTimeout = timeout, true
	case fieldContentEncoding:
		if streaming && field.Value != "" && field.Value != "identity" {
			return farcall.Errorf(farcall.Unimplemented,
				"content-encoding %q: a stream is compressed message by message, and connect-content-encoding says how", clip(field.Value))
		}
		r.takeEncoding(field.Value, !streaming)
	case fieldHTTPAcceptEncoding:
		r.takeAcceptEncoding(field.Value, !streaming)
	case fieldConnectEncoding:
		r.takeEncoding(field.Value, streaming)
	case fieldConnectAcceptEncoding:
		r.takeAcceptEncoding(field.Value, streaming)
	default:
		if strings.HasPrefix(field.Name, connectPrefix) {
			return nil
		}
		if field.Name == fieldCookie {
			r.cookies++
		}
		if err := AddReceived(&r.Metadata, field, 0); err != nil {
			return invalid("%s", farcall.AsError(err).Message)
		}
	}
	return nil
}

func (r *Request) takeEncoding(value string, counts bool) {
	if counts && value != "identity" {
		r.Encoding = value
	}
}

// takeAcceptEncoding adds names to those that the answer may be compressed by: without weights (RFC 9110 section 12.5.3),
// and without those whose weight says never.
func (r *Request) takeAcceptEncoding(value string, counts bool) {
	if !counts {
		return
	}
	for entry := range strings.SplitSeq(value, ",") {
		name, weight, _ := strings.Cut(entry, ";")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "" || never(weight) {
			continue
		}
		if r.AcceptEncoding != "" {
			r.AcceptEncoding += ","
		}
		r.AcceptEncoding += name
	}
}

// never reports whether a weight, "q=0.000", is zero.
func never(weight string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(weight), "=")
	number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return strings.EqualFold(strings.TrimSpace(name), "q") && err == nil && number == 0
}

// ConnectUnknownEncoding returns the error for a Connect request that is compressed in a way that the server does not know.
func ConnectUnknownEncoding(encoding, known string) error {
	return farcall.Errorf(farcall.Unimplemented, "the compression %q is not known here: send messages uncompressed, or by one of %s", clip(encoding), known)
}

// mostConnectTimeout is the largest number that connect-timeout-ms has room for: ten digits.
const mostConnectTimeout = 9_999_999_999

// AppendConnectTimeout appends the value of connect-timeout-ms. It rounds up, so that the server never gives up before
// the caller.
func AppendConnectTimeout(dst []byte, d time.Duration) []byte {
	milliseconds := int64(d / time.Millisecond)
	if d%time.Millisecond > 0 {
		milliseconds++
	}
	return strconv.AppendInt(dst, min(max(milliseconds, 1), mostConnectTimeout), 10)
}

// ParseConnectTimeout reads the value of connect-timeout-ms: one to ten digits. Zero is allowed, since peers send it for a
// deadline that has passed.
func ParseConnectTimeout(value string) (time.Duration, error) {
	if len(value) < 1 || len(value) > 10 {
		return 0, malformedConnectTimeout(value)
	}
	var milliseconds int64
	for _, digit := range []byte(value) {
		if digit < '0' || digit > '9' {
			return 0, malformedConnectTimeout(value)
		}
		milliseconds = milliseconds*10 + int64(digit-'0')
	}
	return time.Duration(milliseconds) * time.Millisecond, nil
}

func malformedConnectTimeout(value string) error {
	return fmt.Errorf("connect-timeout-ms %q is malformed: one to ten digits are expected", clip(value))
}

// AppendConnectMetadata appends a field for each value, with prefix before its name. It fails with INTERNAL, naming the
// key, on metadata that must not be sent.
func AppendConnectMetadata(dst []exchange.Field, metadata farcall.Metadata, prefix string) ([]exchange.Field, error) {
	if metadata.Len() == 0 {
		return dst, nil
	}
	start := len(dst)
	dst, err := AppendMetadata(dst, withoutShown(metadata))
	if err != nil {
		return dst[:start], err
	}
	for i := start; i < len(dst); i++ {
		if name := dst[i].Name; prefix == "" && connectOwns(name) {
			return dst[:start], farcall.Errorf(farcall.Internal, "metadata key %q cannot be sent: it belongs to Connect", name)
		}
		dst[i].Name = prefix + dst[i].Name
	}
	return dst, nil
}

func connectOwns(name string) bool {
	return name == fieldContentEncoding || name == fieldHTTPAcceptEncoding || strings.HasPrefix(name, connectPrefix)
}

// AppendConnectTrailers appends the trailers of a unary answer, which stand in its head.
func AppendConnectTrailers(dst []exchange.Field, trailer farcall.Metadata) ([]exchange.Field, error) {
	return AppendConnectMetadata(dst, trailer, connectTrailer)
}

// joinCookies makes one of the pieces that HTTP/2 splits a cookie field into, to compress them better (RFC 9113 section
// 8.2.3).
func (r *Request) joinCookies() {
	if r.cookies > 1 {
		if pieces := r.Metadata.Values(fieldCookie); len(pieces) > 1 {
			r.Metadata.Set(fieldCookie, strings.Join(pieces, "; "))
		}
	}
}

// connectNames are the codes as Connect's JSON names them.
var connectNames = [...]string{
	"ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
	"permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented",
	"internal", "unavailable", "data_loss", "unauthenticated",
}

// connectName returns the name of a code; one that does not exist is "unknown".
func connectName(code farcall.Code) string {
	if int(code) < len(connectNames) {
		return connectNames[code]
	}
	return connectNames[farcall.Unknown]
}

// connectCode returns the code of a name, and whether it is the name of a failure.
func connectCode(name string) (farcall.Code, bool) {
	code := slices.Index(connectNames[:], name)
	return farcall.Code(max(code, 0)), code > 0
}

// connectStatuses are the HTTP statuses of failures, by code.
var connectStatuses = [...]string{
	"200", "499", "500", "400", "504", "404", "409", "403", "429", "400", "409", "400", "501", "500", "503", "500", "401",
}

// ConnectStatus returns the HTTP status of a unary call that failed with code.
func ConnectStatus(code farcall.Code) string {
	if int(code) < len(connectStatuses) {
		return connectStatuses[code]
	}
	return "500"
}

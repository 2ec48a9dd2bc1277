// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// gRPC-Web (grpc/grpc doc/PROTOCOL-WEB.md) is gRPC for those who cannot read trailers: they are the last message of the
// body, with a flag of its own. In its text form the body is base64.

const (
	// WebType is the content type of gRPC-Web.
	WebType = "application/grpc-web"
	// WebTextType is the content type of gRPC-Web in base64.
	WebTextType = "application/grpc-web-text"
	// WebTrailerFlag is the flag of the message that holds the trailers.
	WebTrailerFlag = 0x80
)

// WebSubtype returns what follows "application/grpc-web+" in a content type, "" for none, whether the body is base64, and
// whether it is a content type of gRPC-Web at all.
func WebSubtype(contentType string) (subtype string, text, ok bool) {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	rest, ok := strings.CutPrefix(media, WebType)
	if !ok {
		return "", false, false
	}
	if after, isText := strings.CutPrefix(rest, "-text"); isText {
		rest, text = after, true
	}
	if rest == "" {
		return "", text, true
	}
	if rest[0] != '+' {
		return "", false, false
	}
	return rest[1:], text, true
}

// ParseWeb reads the head of a gRPC-Web request into request. The error is a *Rejection.
func ParseWeb(head exchange.Head, request *Request) error {
	as := exchange.Head{Fields: make([]exchange.Field, 0, 16)}
	for field := range head.All {
		if field.Name == fieldContentType {
			subtype, _, ok := WebSubtype(field.Value)
			if ok {
				field.Value = ContentType
				if subtype != "" {
					field.Value += "+" + subtype
				}
			}
		}
		as.Fields = append(as.Fields, field)
	}
	return ParseRequest(as, request)
}

// AppendWebTrailers appends the message that holds trailers, behind its prefix.
func AppendWebTrailers(dst []byte, trailers []exchange.Field) []byte {
	start := len(dst)
	dst = AppendPrefix(dst, 0)
	for _, field := range trailers {
		dst = append(append(append(append(dst, field.Name...), ": "...), field.Value...), "\r\n"...)
	}
	PutPrefix(dst[start:], len(dst)-start-PrefixBytes)
	dst[start] = WebTrailerFlag
	return dst
}

// ParseWebTrailers reads the message, without its prefix, that holds trailers: lines as in HTTP/1.1.
func ParseWebTrailers(message []byte) ([]exchange.Field, error) {
	var fields []exchange.Field
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); !ok || len(name) == 0 {
			return nil, farcall.Errorf(farcall.Internal, "the trailers have a line without a name: %q", clip(string(line)))
		}
		fields = append(fields, exchange.Field{Name: strings.ToLower(string(name)), Value: string(bytes.Trim(value, " \t"))})
	}
	return fields, nil
}

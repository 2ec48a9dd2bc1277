// SPDX-License-Identifier: Apache-2.0

// Package wire is what gRPC, gRPC-Web and Connect write into headers, trailers and prefixes. Pure functions.
//
// A caller builds its request's head with [Heads] and [AppendRequest] and reads the answer with [ParseAnswer]. A server
// reads the request with [ParseRequest] and answers with [AnswerHead], [AppendAnswer] and [AppendTrailers]. The rules
// are those of grpc/grpc doc/PROTOCOL-HTTP2.md; web.go and the files of Connect name theirs.
package wire

import "strings"

// ContentType is the content type of gRPC requests and answers.
const ContentType = "application/grpc"

// Protocol is one of those that this package knows.
type Protocol uint8

// The protocols.
const (
	ProtocolGRPC    Protocol = 0
	ProtocolWeb     Protocol = 1 // gRPC-Web
	ProtocolConnect Protocol = 2
)

// Names of the fields that the protocol itself uses.
const (
	fieldMethod         = ":method"
	fieldScheme         = ":scheme"
	fieldAuthority      = ":authority"
	fieldPath           = ":path"
	fieldStatus         = ":status"
	fieldContentType    = "content-type"
	fieldTE             = "te"
	fieldUserAgent      = "user-agent"
	fieldHost           = "host"
	fieldCookie         = "cookie"
	fieldTimeout        = "grpc-timeout"
	fieldEncoding       = "grpc-encoding"
	fieldAcceptEncoding = "grpc-accept-encoding"
	fieldGRPCStatus     = "grpc-status"
	fieldGRPCMessage    = "grpc-message"
	fieldDetails        = "grpc-status-details-bin"
	fieldStepTimes      = "farcall-step-times"
)

// Subtype returns what follows "application/grpc+" in a content type ("proto", "json", "" for none) and whether it is a
// content type of gRPC at all; those of gRPC-Web are not.
func Subtype(contentType string) (string, bool) {
	if contentType == ContentType { // the usual case
		return "", true
	}
	if len(contentType) < len(ContentType) || !strings.EqualFold(contentType[:len(ContentType)], ContentType) {
		return "", false
	}
	rest, _, _ := strings.Cut(contentType[len(ContentType):], ";") // parameters say nothing here
	rest = strings.TrimRight(rest, " \t")
	if rest == "" {
		return "", true
	}
	if rest[0] != '+' {
		return "", false
	}
	return strings.ToLower(rest[1:]), true
}

// sameSubtype reports whether two content subtypes stand for one form of messages.
func sameSubtype(a, b string) bool {
	return a == b || isProto(a) && isProto(b)
}

func isProto(subtype string) bool { return subtype == "" || subtype == "proto" }

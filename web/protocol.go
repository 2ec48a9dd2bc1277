// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// form is the form that a call has in HTTP.
type form uint8

const (
	notACall      form = iota
	connectUnary       // the body is the message
	connectGet         // the query is
	connectStream      // messages with prefixes, and one that ends them
	grpcWeb            // gRPC whose trailers are a message
	grpcWebText        // the same in base64
	grpc               // gRPC, where somebody else's HTTP/2 has taken the request
)

// Protocol is what a call is made in.
type Protocol uint8

// The protocols.
const (
	GRPC    Protocol = iota // where somebody else's HTTP/2 has taken the request
	GRPCWeb                 // binary and text
	Connect                 // unary, by query and with streams
)

// protocol returns what a form is one of.
func (f form) protocol() Protocol {
	switch f {
	case grpc:
		return GRPC
	case grpcWeb, grpcWebText:
		return GRPCWeb
	}
	return Connect
}

// recognise tells the form of a request by its head alone, and the subtype of its content type. Any POST that is nothing
// else may be a unary call of Connect, and any GET or HEAD one by query.
func recognise(head exchange.Head) (form, string) {
	switch head.Get(":method") {
	case "GET", "HEAD":
		return connectGet, ""
	case "POST":
	default:
		return notACall, ""
	}
	contentType := head.Get("content-type")
	if subtype, text, ok := wire.WebSubtype(contentType); ok {
		if text {
			return grpcWebText, subtype
		}
		return grpcWeb, subtype
	}
	if subtype, ok := wire.Subtype(contentType); ok {
		return grpc, subtype
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if subtype, ok := strings.CutPrefix(media, wire.ConnectStreamType); ok {
		return connectStream, subtype
	}
	subtype, _ := strings.CutPrefix(media, wire.ConnectType)
	return connectUnary, subtype
}

// Speaks reports whether a request is a call, so that Serve is the one to answer it, and in which protocol. known says
// that its path is a method's: then any POST is meant to be one, and a GET whose query has what Connect's has. The others
// are recognised by fields that nobody else sends.
func Speaks(head exchange.Head, known bool) (protocol Protocol, ok bool) {
	form, _ := recognise(head)
	switch form {
	case notACall:
		return Connect, false
	case connectGet:
		_, query, _ := strings.Cut(head.Get(":path"), "?")
		return Connect, known && hasParameter(query, "encoding") && hasParameter(query, "message")
	case connectUnary:
		_, versioned := head.Lookup("connect-protocol-version")
		return Connect, known || versioned
	}
	return form.protocol(), true
}

// Single reports whether a request that Speaks knows, or may, is in a form that has one message each way.
func Single(head exchange.Head) bool {
	form, _ := recognise(head)
	return form == connectUnary || form == connectGet
}

// hasParameter reports whether a query gives a value to name.
func hasParameter(query, name string) bool {
	for pair := range strings.SplitSeq(query, "&") {
		if given, _, _ := strings.Cut(pair, "="); given == name {
			return true
		}
	}
	return false
}

// enveloped reports whether messages have a prefix.
func (f form) enveloped() bool { return f != connectUnary && f != connectGet }

// isConnect reports whether the form is one of Connect's.
func (f form) isConnect() bool { return f == connectUnary || f == connectGet || f == connectStream }

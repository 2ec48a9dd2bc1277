// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/base64"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// AppendConnectRequest appends the varying fields of a Connect request. streaming says in which of the two forms the call is. It
// fails with INTERNAL, naming the key, on metadata that must not be sent.
func AppendConnectRequest(dst []exchange.Field, request *RequestFields, streaming bool) ([]exchange.Field, error) {
	if request.HasTimeout {
		dst = append(dst, exchange.Field{Name: fieldConnectTimeout, Value: string(AppendConnectTimeout(nil, request.Timeout))})
	}
	if request.Encoding != "" {
		name := fieldContentEncoding
		if streaming {
			name = fieldConnectEncoding
		}
		dst = append(dst, exchange.Field{Name: name, Value: request.Encoding})
	}
	for key := range request.Metadata.All() {
		if connectOwns(key) {
			return dst, farcall.Errorf(farcall.Internal, "metadata key %q cannot be sent: it belongs to Connect", clip(key))
		}
	}
	return AppendMetadata(dst, request.Metadata)
}

// ConnectGet returns the head of a unary call as a GET: message is in the query, compressed by encoding or, for "", not
// at all. fields are the varying ones of the call.
func ConnectGet(fixed *exchange.Fixed, message []byte, subtype, encoding string, fields []exchange.Field) exchange.Head {
	query := []byte("?connect=v1")
	binary := encoding != "" || isProto(subtype)
	if binary {
		query = append(query, "&base64=1"...)
	}
	if encoding != "" {
		query = appendQuery(append(query, "&compression="...), encoding)
	}
	query = append(appendQuery(append(query, "&encoding="...), orProto(subtype)), "&message="...)
	if binary {
		query = base64.RawURLEncoding.AppendEncode(query, message)
	} else {
		query = appendQuery(query, string(message))
	}
	var head exchange.Head
	for _, field := range append(fixed.Fields[:len(fixed.Fields):len(fixed.Fields)], fields...) {
		switch field.Name {
		case fieldMethod:
			field.Value = "GET"
		case fieldPath:
			field.Value += string(query)
		case fieldContentType, fieldConnectVersion, fieldContentEncoding: // the query has them
			continue
		}
		head.Fields = append(head.Fields, field)
	}
	return head
}

// appendQuery appends a value of a query: every byte that is not unreserved (RFC 3986 section 2.3) as "%XX".
func appendQuery(dst []byte, value string) []byte {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
	}
	return dst
}

// ConnectAnswer is what the head of an answer of Connect says.
type ConnectAnswer struct {
	Header   farcall.Metadata
	Trailer  farcall.Metadata // of a unary call
	Encoding string           // how messages are compressed, "" for not at all
	Failed   bool             // a unary call's: the body is the JSON of why

	httpStatus, contentType string
	malformed               error
}

// ParseConnectAnswer reads the head of an answer to a call whose request was in subtype and in the given form. An error says
// how the call failed, and nothing else of the answer matters then.
func ParseConnectAnswer(head exchange.Head, subtype string, streaming bool) (ConnectAnswer, error) {
	var answer ConnectAnswer
	for field := range head.All {
		answer.take(&field, streaming)
	}
	fields := answerFields{httpStatus: answer.httpStatus, contentType: answer.contentType}
	media, _, _ := strings.Cut(strings.ToLower(answer.contentType), ";")
	media = strings.TrimSpace(media)
	if answer.httpStatus != "200" {
		if streaming {
			return answer, fields.notConnect()
		}
		answer.Failed = true
		return answer, nil
	}
	want := ConnectType + orProto(subtype)
	if streaming {
		want = ConnectStreamType + orProto(subtype)
	}
	switch {
	case media == want:
	case !streaming && strings.HasPrefix(media, ConnectType) && !strings.HasPrefix(media, ConnectStreamType) && isKnownForm(media[len(ConnectType):]),
		streaming && strings.HasPrefix(media, ConnectStreamType):
		return answer, farcall.Errorf(farcall.Internal, "the server answered in %s, %s was asked for", clip(media), want)
	default:
		return answer, fields.notConnect()
	}
	return answer, answer.malformed
}

// isKnownForm reports whether a content subtype is that of messages at all.
func isKnownForm(subtype string) bool { return subtype == "proto" || subtype == "json" }

func (a *ConnectAnswer) take(field *exchange.Field, streaming bool) {
	into := &a.Header
	switch name := field.Name; {
	case name == fieldStatus:
		a.httpStatus = field.Value
		return
	case name == fieldContentType:
		a.contentType = field.Value
		return
	case name == fieldContentEncoding && !streaming, name == fieldConnectEncoding && streaming:
		if field.Value != "identity" {
			a.Encoding = field.Value
		}
		return
	case name == fieldContentEncoding, name == fieldHTTPAcceptEncoding, strings.HasPrefix(name, connectPrefix):
		return
	case !streaming && strings.HasPrefix(name, connectTrailer):
		into = &a.Trailer
		field = &exchange.Field{Name: name[len(connectTrailer):], Value: field.Value}
	}
	if err := AddReceived(into, field, 0); err != nil && a.malformed == nil {
		a.malformed = err
	}
}

// Failure returns the error of a unary call that has failed, from the answer's body.
func (a *ConnectAnswer) Failure(body []byte) *farcall.Error {
	return ParseConnectError(a.httpStatus, a.contentType, body)
}

// ParseWebAnswer is ParseAnswer for an answer in gRPC-Web: its trailers are the last message, or, of one that is a status alone, in
// the head.
func ParseWebAnswer(head exchange.Head) (Answer, error) {
	as := exchange.Head{Fields: make([]exchange.Field, 0, 16)}
	for field := range head.All {
		if field.Name == fieldContentType {
			if subtype, text, ok := WebSubtype(field.Value); ok && !text {
				field.Value = ContentType
				if subtype != "" {
					field.Value += "+" + subtype
				}
			} else if _, grpc := Subtype(field.Value); grpc {
				field.Value = "of gRPC itself (" + field.Value + ")" // which has other trailers
			}
		}
		as.Fields = append(as.Fields, field)
	}
	return ParseAnswer(as)
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// ConnectEndFlag is the flag of the message that ends a Connect stream.
const ConnectEndFlag = 2

// anyPrefix stands before the name of a message in the URL of its type; Connect leaves it out.
const anyPrefix = "type.googleapis.com/"

// AppendConnectError appends the JSON of a failure.
func AppendConnectError(dst []byte, failure *farcall.Error) []byte {
	failure = farcall.AsError(failure) // OK as an error is INTERNAL
	dst = append(dst, `{"code":"`...)
	dst = append(dst, connectName(failure.Code)...)
	dst = append(dst, '"')
	if failure.Message != "" {
		dst = appendJSONString(append(dst, `,"message":`...), failure.Message)
	}
	for i, detail := range failure.Details {
		separator := `,`
		if i == 0 {
			separator = `,"details":[`
		}
		dst = appendJSONString(append(append(dst, separator...), `{"type":`...), strings.TrimPrefix(detail.GetTypeUrl(), anyPrefix))
		dst = append(dst, `,"value":"`...)
		dst = base64.RawStdEncoding.AppendEncode(dst, detail.GetValue())
		dst = append(dst, `"}`...)
	}
	if len(failure.Details) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// appendJSONString appends text as a JSON string; what is not UTF-8 in it becomes U+FFFD.
func appendJSONString(dst []byte, text string) []byte {
	encoded, err := json.Marshal(text)
	if err != nil { // cannot be: every string has a JSON form
		return append(dst, `""`...)
	}
	return append(dst, encoded...)
}

// AppendConnectEnd appends the message that ends a stream, behind its prefix: the failure, nil for none, and the
// trailers. Metadata that must not be sent is left out and makes the call fail with INTERNAL; the error says which, and
// what is returned can be sent.
func AppendConnectEnd(dst []byte, failure *farcall.Error, trailer farcall.Metadata) ([]byte, error) {
	fields, err := AppendConnectMetadata(nil, trailer, "")
	if err != nil && failure == nil {
		failure = farcall.AsError(err)
	}
	start := len(dst)
	dst = append(AppendPrefix(dst, 0), '{')
	if failure != nil {
		dst = AppendConnectError(append(dst, `"error":`...), failure)
	}
	if len(fields) > 0 {
		if failure != nil {
			dst = append(dst, ',')
		}
		dst = append(appendFields(append(dst, `"metadata":{`...), fields), '}')
	}
	dst = append(dst, '}')
	PutPrefix(dst[start:], len(dst)-start-PrefixBytes)
	dst[start] = ConnectEndFlag
	return dst, err
}

// appendFields appends a member for each name, with the list of its values.
func appendFields(dst []byte, fields []exchange.Field) []byte {
	for i, field := range fields {
		if before := firstOf(fields, field.Name); before < i {
			continue
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, field.Name), ":["...)
		values := 0
		for _, other := range fields[i:] {
			if other.Name != field.Name {
				continue
			}
			if values++; values > 1 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, other.Value)
		}
		dst = append(dst, ']')
	}
	return dst
}

func firstOf(fields []exchange.Field, name string) int {
	for i := range fields {
		if fields[i].Name == name {
			return i
		}
	}
	return len(fields)
}

// connectError is the JSON of a failure.
type connectError struct {
	Code    *string `json:"code"`
	Message string  `json:"message"`
	Details []struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"details"`
}

// failure returns the error that the JSON stands for. A code that is missing or unknown is the one given, or UNKNOWN if
// that is OK. A detail that cannot be read is left out: it is an extra that must not turn one failure into another.
func (e *connectError) failure(otherwise farcall.Code) *farcall.Error {
	failure := &farcall.Error{Code: otherwise, Message: e.Message}
	if failure.Code == farcall.OK {
		failure.Code = farcall.Unknown
	}
	if e.Code != nil {
		if code, ok := connectCode(*e.Code); ok {
			failure.Code = code
		}
	}
	for _, detail := range e.Details {
		value, ok := decodeBinary(detail.Value)
		if !ok || detail.Type == "" {
			continue
		}
		url := detail.Type
		if !strings.Contains(url, "/") {
			url = anyPrefix + url
		}
		failure.Details = append(failure.Details, &anypb.Any{TypeUrl: url, Value: []byte(value)})
	}
	return failure
}

// ParseConnectError returns the failure of a unary call that was answered with this HTTP status, content type and body. A
// body that is not Connect's leaves the status to say it.
func ParseConnectError(httpStatus, contentType string, body []byte) *farcall.Error {
	answer := answerFields{httpStatus: httpStatus, contentType: contentType}
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	var received connectError
	if strings.TrimSpace(media) != "application/json" || !object(body) || json.Unmarshal(body, &received) != nil {
		return farcall.AsError(answer.notConnect())
	}
	return received.failure(HTTPCode(httpStatus))
}

// object reports whether data is to be a JSON object: anything else that package json takes, null, is no error of Connect.
func object(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

// notConnect returns the error for an answer that is not Connect's.
func (a *answerFields) notConnect() error {
	if !validHTTPStatus(a.httpStatus) {
		return farcall.Errorf(farcall.Internal, "the server answered with :status %q, which is not an HTTP status", clip(a.httpStatus))
	}
	return farcall.Errorf(HTTPCode(a.httpStatus), "the server answered %s %s, not Connect: %s", a.httpStatus, a.shownType(), a.likelyMistake())
}

// ParseConnectEnd reads the message, without its prefix, that ends a stream. The error is the call's outcome, nil for OK.
func ParseConnectEnd(message []byte) (farcall.Metadata, error) {
	var received struct {
		Error    *connectError       `json:"error"`
		Metadata map[string][]string `json:"metadata"`
	}
	if !object(message) {
		return farcall.Metadata{}, farcall.Errorf(farcall.Internal, "the message that ends the stream is not a JSON object, so whether the call succeeded is not known")
	}
	if err := json.Unmarshal(message, &received); err != nil {
		return farcall.Metadata{}, farcall.Errorf(farcall.Internal, "the message that ends the stream cannot be read, so whether the call succeeded is not known: %w", err)
	}
	var trailer farcall.Metadata
	for name, values := range received.Metadata {
		for _, value := range values {
			field := exchange.Field{Name: strings.ToLower(name), Value: value}
			if err := AddReceived(&trailer, &field, 0); err != nil && received.Error == nil {
				return trailer, err
			}
		}
	}
	if received.Error != nil {
		return trailer, received.Error.failure(farcall.Unknown)
	}
	return trailer, nil
}

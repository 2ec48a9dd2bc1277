// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall/internal/exchange"
)

// Framing says where the body of an answer ends, and whether its connection does.
type Framing struct {
	Length  int  // of the body
	Chunked bool // the body is in chunks, and Length does not count
	Head    bool // the request was HEAD: there is no body, whatever its length would be
	Close   bool // the connection ends with this answer
}

// Bodiless reports whether an answer to the request has no body by what it is (RFC 9110 section 6.4.1).
func (f Framing) bodiless(status int) bool { return f.Head || status == 204 || status == 304 }

// Answer is the head of an answer as it was appended.
type Answer struct {
	Bodiless bool // no body follows, nor chunks
	Close    bool // the connection ends, by the framing or because a field said so
}

// AppendHead appends the head of an answer. Fields of the head that speak of the connection or of the framing give way to
// the framing; one that could not be a header line is left out, and line ends in values become spaces, as net/http does it.
func AppendHead(dst []byte, head exchange.Head, framing Framing, now time.Time) ([]byte, Answer, error) {
	status, err := strconv.Atoi(head.Get(":status"))
	if err != nil || status < 200 || status > 999 {
		return dst, Answer{}, fmt.Errorf("an answer with :status %q", head.Get(":status"))
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, head.Get(":status")...)
	dst = append(dst, ' ')
	dst = append(dst, reason(status)...)
	dst = append(dst, "\r\n"...)
	answer := Answer{Bodiless: framing.bodiless(status), Close: framing.Close}
	dated, announced := false, ""
	for field := range head.All {
		switch field.Name {
		case ":status", "transfer-encoding", "keep-alive", "upgrade":
			continue
		case "connection":
			answer.Close = answer.Close || strings.Contains(strings.ToLower(field.Value), "close")
			continue
		case "content-length":
			announced = field.Value
			continue
		case "date":
			dated = true
		}
		dst = appendField(dst, field)
	}
	if !dated {
		dst = append(dst, "Date: "...)
		dst = appendDate(dst, now)
		dst = append(dst, "\r\n"...)
	}
	switch {
	case answer.Bodiless && !framing.Head: // RFC 9110 section 8.6: none with 204, and with 304 nobody needs it
	case framing.Head && announced != "": // what GET would have had
		dst = appendField(dst, exchange.Field{Name: "content-length", Value: announced})
	case framing.Head && framing.Chunked:
	case framing.Chunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	default:
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(framing.Length), 10)
		dst = append(dst, "\r\n"...)
	}
	if answer.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...), answer, nil
}

// AppendChunk appends a chunk of the body, which has some bytes.
func AppendChunk(dst, body []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(body)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, body...)
	return append(dst, "\r\n"...)
}

// AppendEnd appends the end of a body in chunks.
func AppendEnd(dst []byte, trailers []exchange.Field) []byte {
	dst = append(dst, "0\r\n"...)
	for _, field := range trailers {
		dst = appendField(dst, field)
	}
	return append(dst, "\r\n"...)
}

// appendField appends a header line, the words of its name with capitals as HTTP/1.1 has always had them.
func appendField(dst []byte, field exchange.Field) []byte {
	before := len(dst)
	first := true
	for i := range len(field.Name) {
		c := field.Name[i]
		if classes[c]&inToken == 0 {
			return dst[:before]
		}
		if first && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		first = c == '-'
		dst = append(dst, c)
	}
	if len(dst) == before {
		return dst
	}
	dst = append(dst, ": "...)
	start := len(dst)
	dst = append(dst, field.Value...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '\r' || dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return append(dst, "\r\n"...)
}

// date is the text of a second.
type date struct {
	second int64
	text   string
}

// lastDate is the one that was written last.
var lastDate atomic.Pointer[date]

// appendDate appends a time as RFC 9110 section 5.6.7 wants it.
func appendDate(dst []byte, now time.Time) []byte {
	second := now.Unix()
	last := lastDate.Load()
	if last == nil || last.second != second {
		last = &date{second, now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}
		lastDate.Store(last)
	}
	return append(dst, last.text...)
}

// reason returns the phrase of a status, which nobody reads but people.
func reason(status int) string {
	switch status {
	case 200:
		return "OK"
	case 201:
		return "Created"
	case 202:
		return "Accepted"
	case 204:
		return "No Content"
	case 205:
		return "Reset Content"
	case 206:
		return "Partial Content"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Found"
	case 303:
		return "See Other"
	case 304:
		return "Not Modified"
	case 307:
		return "Temporary Redirect"
	case 308:
		return "Permanent Redirect"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 408:
		return "Request Timeout"
	case 409:
		return "Conflict"
	case 410:
		return "Gone"
	case 412:
		return "Precondition Failed"
	case 413:
		return "Request Entity Too Large"
	case 415:
		return "Unsupported Media Type"
	case 422:
		return "Unprocessable Entity"
	case 428:
		return "Precondition Required"
	case 429:
		return "Too Many Requests"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	}
	return "status code " + strconv.Itoa(status)
}

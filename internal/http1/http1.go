// SPDX-License-Identifier: Apache-2.0

// Package http1 reads plain HTTP/1.1 requests and writes their answers; whatever is not plain goes, unread, to net/http.
//
// It parses and appends, and does no I/O. What it accepts is less than RFC 9112 allows, and nothing that two
// implementations could read in two ways: the request is what net/http makes of the same bytes, which a fuzz target holds
// it to.
package http1

import (
	"bytes"
	"strings"
	"unsafe"

	"github.com/farcall/farcall/internal/exchange"
)

// Request is the head of a plain request.
type Request struct {
	Method, Target, Host string
	// Fields are the others in their order, with names in lower case. They share memory of their own with the rest.
	Fields []exchange.Field
	// Length is that of the body.
	Length int64
}

// Extent says how far a head is there.
type Extent uint8

const (
	Partial Extent = iota // it may go on
	Whole
	Foreign // its lines have other ends: it will not be plain
)

// Scan looks for the end of the head that received begins with. from is what an earlier Scan of its first bytes has
// returned, 0 for none; next is for a later one or, of a whole head, its length.
func Scan(received []byte, from int) (next int, extent Extent) {
	for {
		at := bytes.IndexByte(received[from:], '\n')
		if at < 0 {
			return from, Partial
		}
		if at == 0 || received[from+at-1] != '\r' {
			return from, Foreign
		}
		if at == 1 {
			return from + 2, Whole
		}
		from += at + 1
	}
}

// longestLength is how many digits a Content-Length may have: none overflows.
const longestLength = 18

// Parse reads a head that Scan has found whole, and reports whether it is plain: a method of REST, a target that is a path
// without bytes that would have to be escaped, one Host, at most one Content-Length, and nothing that changes how the
// connection goes on. It appends to fields, and keeps nothing of head.
func Parse(head []byte, fields []exchange.Field) (Request, bool) {
	own := bytes.Clone(head)
	text := unsafe.String(unsafe.SliceData(own), len(own)) // what follows writes to own before it hands out any of it
	line, rest, _ := strings.Cut(text, "\r\n")
	request := Request{Fields: fields}
	if !request.parseLine(line) {
		return Request{}, false
	}
	lengths := 0
	for {
		line, rest, _ = strings.Cut(rest, "\r\n")
		if line == "" {
			break
		}
		size := lowerToken(own[len(text)-len(rest)-2-len(line):])
		if size == 0 || size == len(line) || line[size] != ':' {
			return Request{}, false
		}
		name, value := line[:size], strings.Trim(line[size+1:], " \t")
		if !isText(value) {
			return Request{}, false
		}
		switch name {
		case "host":
			if request.Host != "" || !isHost(value) {
				return Request{}, false
			}
			request.Host = value
			continue
		case "content-length":
			lengths++
			if !request.parseLength(value) {
				return Request{}, false
			}
		case "connection":
			if !strings.EqualFold(value, "keep-alive") {
				return Request{}, false
			}
		case "transfer-encoding", "expect", "upgrade", "te", "trailer":
			return Request{}, false
		}
		request.Fields = append(request.Fields, exchange.Field{Name: name, Value: value})
	}
	return request, request.Host != "" && lengths <= 1
}

// TwoLengths reports whether a head that Scan has found whole gives its body's length in two ways, by Content-Length and by
// Transfer-Encoding. Whoever passed it on may have counted by the other one: such a connection must not go on, and the
// request may be refused (RFC 9112 section 6.1).
func TwoLengths(head []byte) bool {
	var length, coding bool
	for line := range bytes.Lines(head) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		length = length || bytes.EqualFold(name, []byte("Content-Length"))
		coding = coding || bytes.EqualFold(name, []byte("Transfer-Encoding"))
	}
	return length && coding
}

// parseLine reads the request line.
func (r *Request) parseLine(line string) bool {
	var version string
	r.Method, line, _ = strings.Cut(line, " ")
	r.Target, version, _ = strings.Cut(line, " ")
	if version != "HTTP/1.1" {
		return false
	}
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
		return isTarget(r.Target)
	}
	return false
}

func (r *Request) parseLength(digits string) bool {
	if digits == "" || len(digits) > longestLength {
		return false
	}
	for i := range len(digits) {
		digit := digits[i] - '0'
		if digit > 9 {
			return false
		}
		r.Length = r.Length*10 + int64(digit)
	}
	return true
}

// What a byte may be part of.
const (
	inToken  = 1 << iota // field names (RFC 9110 section 5.6.2)
	inPath               // paths, besides escapes: what net/url writes as it is
	inQuery              // queries
	inHost               // hosts and ports
	inText               // field values
	isHex                // escapes
	isLetter             // A to Z
)

// classes says it of every byte.
var classes = func() (table [256]uint8) {
	mark := func(class uint8, bytes string) {
		for i := range len(bytes) {
			table[bytes[i]] |= class
		}
	}
	for b := byte(0x21); b < 0x7f; b++ {
		table[b] |= inText | inQuery
	}
	mark(inText, " \t")
	table['#'] &^= inQuery
	const digits, upper, lower = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	mark(inToken, digits+upper+lower+"!#$%&'*+-.^_`|~")
	mark(inPath, digits+upper+lower+"-._~!$&'()*+,;=:@/")
	mark(inHost, digits+upper+lower+"-._:[]")
	mark(isHex, digits+"ABCDEFabcdef")
	mark(isLetter, upper)
	return table
}()

// lowerToken puts the token that b begins with in lower case, and returns its length.
func lowerToken(b []byte) int {
	for i, c := range b {
		switch class := classes[c]; {
		case class&isLetter != 0:
			b[i] = c | 0x20
		case class&inToken == 0:
			return i
		}
	}
	return len(b)
}

func isText(value string) bool {
	for i := range len(value) {
		if classes[value[i]]&inText == 0 {
			return false
		}
	}
	return true
}

func isHost(value string) bool {
	for i := range len(value) {
		if classes[value[i]]&inHost == 0 {
			return false
		}
	}
	return value != ""
}

// isTarget reports whether a request's target is a path in which nothing lacks its escape, with or without a query.
func isTarget(target string) bool {
	if target == "" || target[0] != '/' {
		return false
	}
	i := 1
	for ; i < len(target) && target[i] != '?'; i++ {
		switch {
		case classes[target[i]]&inPath != 0:
		case target[i] == '%' && i+2 < len(target) && classes[target[i+1]]&classes[target[i+2]]&isHex != 0:
			i += 2
		default:
			return false
		}
	}
	for ; i < len(target); i++ {
		if classes[target[i]]&inQuery == 0 {
			return false
		}
	}
	return true
}

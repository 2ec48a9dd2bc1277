// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
)

// What a header block must be to be a message (RFC 9113 section 8.2 and 8.3). What was found out about a remembered run is
// kept in its Note.

// The bits of a Note.
const (
	seenMethod uint32 = 1 << iota
	seenScheme
	seenPath
	seenAuthority
	seenStatus
	seenRegular
	seenLength
	seenHost
	noteValid // the run was checked
)

// checkHead checks a head and returns what it has.
func checkHead(stream uint32, head exchange.Head) (seen uint32, err error) {
	if fixed := head.Fixed; fixed != nil {
		if fixed.Note&noteValid == 0 {
			noted, err := checkFields(stream, 0, fixed.Fields)
			if err != nil {
				return 0, err
			}
			fixed.Note = noted | noteValid
		}
		seen = fixed.Note &^ noteValid
	}
	return checkFields(stream, seen, head.Fields)
}

func checkFields(stream, seen uint32, fields []exchange.Field) (uint32, error) {
	for i := range fields {
		name := fields[i].Name
		if name == "" {
			return seen, streamError(stream, frame.ProtocolError, "a header field without a name")
		}
		if name[0] == ':' {
			bit := pseudoBit(name)
			if bit == 0 || seen&bit != 0 || seen&seenRegular != 0 {
				return seen, streamError(stream, frame.ProtocolError, "pseudo-field "+strconv.Quote(name)+" is unknown, repeated or late")
			}
			if !visible(fields[i].Value) {
				return seen, streamError(stream, frame.ProtocolError, "pseudo-field "+name+" has characters that are not allowed")
			}
			seen |= bit
			continue
		}
		seen |= seenRegular
		if !validName(name) || !validValue(fields[i].Value) {
			return seen, streamError(stream, frame.ProtocolError, "header field "+strconv.Quote(name)+" has characters that are not allowed")
		}
		switch name {
		case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
			return seen, streamError(stream, frame.ProtocolError, "header field "+name+" belongs to HTTP/1.1")
		case "te":
			if fields[i].Value != "trailers" {
				return seen, streamError(stream, frame.ProtocolError, "te is not trailers")
			}
		case "content-length":
			if seen&seenLength != 0 { // two could disagree, and whoever reads the other one would see another message
				return seen, streamError(stream, frame.ProtocolError, "content-length is repeated")
			}
			seen |= seenLength
		case "host":
			seen |= seenHost
		}
	}
	return seen, nil
}

func pseudoBit(name string) uint32 {
	switch name {
	case ":method":
		return seenMethod
	case ":scheme":
		return seenScheme
	case ":path":
		return seenPath
	case ":authority":
		return seenAuthority
	case ":status":
		return seenStatus
	}
	return 0
}

// validName reports whether name is a lower-case token (RFC 9113 section 8.2.1).
func validName(name string) bool {
	for i := 0; i < len(name); i++ {
		if !nameBytes[name[i]] {
			return false
		}
	}
	return true
}

var nameBytes = func() (allowed [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		allowed[b] = true
	}
	return allowed
}()

// validValue reports whether value has no line ends and NUL in it, and no spaces around it (RFC 9113 section 8.2.1). It looks at
// eight bytes at a time, since control characters are rare, and at each only where there is one.
func validValue(value string) bool {
	const each = 0x0101010101010101 // times a byte: that byte in each of the eight
	rest := value
	for len(rest) >= 8 {
		eight := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		// The top bit is set in a byte below 0x20, and in others only beside one.
		if (eight-0x20*each)&^eight&(0x80*each) != 0 && !withoutLineEnds(rest[:8]) {
			return false
		}
		rest = rest[8:]
	}
	return withoutLineEnds(rest) && (value == "" || !space(value[0]) && !space(value[len(value)-1]))
}

func withoutLineEnds(value string) bool {
	for i := 0; i < len(value); i++ {
		if b := value[i]; b == 0 || b == '\r' || b == '\n' {
			return false
		}
	}
	return true
}

// visible reports whether value has neither spaces nor control characters: what pseudo-fields stand for in HTTP/1.1, a
// request line, ends at them (RFC 9113 section 8.2.1 and 10.3).
func visible(value string) bool {
	for i := 0; i < len(value); i++ {
		if b := value[i]; b <= ' ' || b == 0x7f {
			return false
		}
	}
	return true
}

func space(b byte) bool { return b == ' ' || b == '\t' }

// checkRequest checks a request's head and returns its content-length, -1 without one.
func checkRequest(stream uint32, head exchange.Head) (declared int64, err error) {
	seen, err := checkHead(stream, head)
	if err != nil {
		return -1, err
	}
	if seen&seenStatus != 0 || seen&seenMethod == 0 {
		return -1, streamError(stream, frame.ProtocolError, "a request without :method, or with :status")
	}
	if head.Get(":method") == "CONNECT" { // RFC 9113 section 8.5
		if seen&(seenScheme|seenPath) != 0 || head.Get(":authority") == "" {
			return -1, streamError(stream, frame.ProtocolError, "CONNECT with :scheme or :path, or without :authority")
		}
	} else if seen&(seenScheme|seenPath) != seenScheme|seenPath || head.Get(":path") == "" {
		return -1, streamError(stream, frame.ProtocolError, "a request without :scheme or :path")
	}
	if seen&(seenHost|seenAuthority) == seenHost|seenAuthority && !sameHost(head) {
		return -1, streamError(stream, frame.ProtocolError, "host and :authority are not the same")
	}
	return contentLength(stream, head, seen)
}

// sameHost reports whether host names what :authority does (RFC 9113 section 8.3.1): whoever asked the other of the two
// would be deceived.
func sameHost(head exchange.Head) bool {
	port := ":80"
	if head.Get(":scheme") == "https" {
		port = ":443"
	}
	authority := head.Get(":authority")
	for field := range head.All {
		if field.Name == "host" && !strings.EqualFold(strings.TrimSuffix(field.Value, port), strings.TrimSuffix(authority, port)) {
			return false
		}
	}
	return true
}

// contentLength returns the announced length of the body, -1 if none is.
func contentLength(stream uint32, head exchange.Head, seen uint32) (int64, error) {
	if seen&seenLength == 0 {
		return -1, nil
	}
	length, err := strconv.ParseUint(head.Get("content-length"), 10, 63) // which takes no sign
	if err != nil {
		return -1, streamError(stream, frame.ProtocolError, "content-length is not a number")
	}
	return int64(length), nil
}

// validStatus reports whether status is three digits (RFC 9110 section 15).
func validStatus(status string) bool {
	for i := range len(status) {
		if status[i] < '0' || status[i] > '9' {
			return false
		}
	}
	return len(status) == 3 && status[0] != '0'
}

// checkTrailers checks the fields after a body (RFC 9113 section 8.1).
func checkTrailers(stream uint32, head exchange.Head) ([]exchange.Field, error) {
	seen, err := checkHead(stream, head)
	if err != nil {
		return nil, err
	}
	if seen&(seenMethod|seenScheme|seenPath|seenAuthority|seenStatus) != 0 {
		return nil, streamError(stream, frame.ProtocolError, "a pseudo-field in trailers")
	}
	if head.Fixed == nil {
		return head.Fields, nil
	}
	if len(head.Fields) == 0 {
		return head.Fixed.Fields, nil
	}
	return append(head.Fixed.Fields[:len(head.Fixed.Fields):len(head.Fixed.Fields)], head.Fields...), nil
}

// HeadTooLargeError is what Open, Start, Answer and Finish return for a header list above what the peer's SETTINGS take.
// Nothing was sent: peers end the whole connection for such a list, with everybody's calls.
type HeadTooLargeError struct {
	Bytes int // of the list, as RFC 9113 section 6.5.2 counts it
	Limit int // the peer's
}

func (e *HeadTooLargeError) Error() string {
	return fmt.Sprintf("http2: a header list of %d bytes, and the peer takes %d", e.Bytes, e.Limit)
}

// fits returns an error for a header list that the peer does not take. It is called with mu held.
func (c *Conn) fits(head exchange.Head) error {
	limit := int64(c.settings.maxHeaderList)
	if limit == noHeaderLimit {
		return nil
	}
	size := listBytes(head.Fields)
	if head.Fixed != nil {
		size += listBytes(head.Fixed.Fields)
	}
	if size > limit {
		return &HeadTooLargeError{Bytes: int(size), Limit: int(limit)}
	}
	return nil
}

// noHeaderLimit is the peer's setting as long as it has not said any.
const noHeaderLimit = 1<<32 - 1

func listBytes(fields []exchange.Field) (size int64) {
	for i := range fields {
		size += int64(len(fields[i].Name)+len(fields[i].Value)) + 32
	}
	return size
}

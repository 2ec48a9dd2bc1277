// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// fixedFields is how many fields the fixed part of a head has at most.
const fixedFields = 8

// maxHeads bounds the methods whose heads are remembered: a program that makes up methods as it goes gets new ones.
const maxHeads = 1024

// Heads makes the fixed part of request heads, one for each method, and remembers it, so that the engine sends a
// remembered block. It is safe for concurrent use.
type Heads struct {
	// Subtype is the content subtype of the messages, "" for protobuf, and AcceptEncoding the compressions that the
	// answer may have. Both are set before the first Fixed.
	Subtype, AcceptEncoding string
	// Protocol is what the requests are in, set likewise.
	Protocol Protocol

	scheme, authority, userAgent string

	fixed sync.Map // *farcall.Method to *exchange.Fixed
	count atomic.Int64
}

// NewHeads returns the heads for requests with this scheme ("http" or "https"), authority ("payments:9090") and user agent
// ("" sends none).
func NewHeads(scheme, authority, userAgent string) (*Heads, error) {
	if !printable(authority) || strings.ContainsAny(authority, " @") { // a user's name before an @ is forbidden (RFC 9113 section 8.3.1)
		return nil, farcall.Errorf(farcall.Internal, "the authority %q is not a host with or without a port", clip(authority))
	}
	if !printable(userAgent) {
		return nil, farcall.Errorf(farcall.Internal, "the user agent %q is not printable ASCII", clip(userAgent))
	}
	return &Heads{scheme: scheme, authority: authority, userAgent: strings.Trim(userAgent, " ")}, nil
}

// Fixed returns the fixed part of a request to method: the same pointer every time.
func (h *Heads) Fixed(method *farcall.Method) (*exchange.Fixed, error) {
	if known, ok := h.fixed.Load(method); ok {
		return known.(*exchange.Fixed), nil
	}
	if err := checkPath(method.Path); err != nil {
		return nil, err
	}
	fields := append(make([]exchange.Field, 0, fixedFields),
		exchange.Field{Name: fieldMethod, Value: "POST"}, exchange.Field{Name: fieldScheme, Value: h.scheme},
		exchange.Field{Name: fieldPath, Value: method.Path})
	if h.authority != "" {
		fields = append(fields, exchange.Field{Name: fieldAuthority, Value: h.authority})
	}
	fields = h.appendForm(fields, method)
	if h.userAgent != "" {
		fields = append(fields, exchange.Field{Name: fieldUserAgent, Value: h.userAgent})
	}
	fixed := &exchange.Fixed{Fields: fields}
	if h.count.Load() >= maxHeads {
		return fixed, nil
	}
	kept, loaded := h.fixed.LoadOrStore(method, fixed)
	if !loaded {
		h.count.Add(1)
	}
	return kept.(*exchange.Fixed), nil
}

// appendForm appends what a head says of the form of messages.
func (h *Heads) appendForm(fields []exchange.Field, method *farcall.Method) []exchange.Field {
	subtype, accept := h.Subtype, fieldAcceptEncoding
	contentType := ContentType
	switch {
	case h.Protocol == ProtocolGRPC:
		if subtype != "" {
			contentType += "+" + subtype
		}
		fields = append(fields, exchange.Field{Name: fieldContentType, Value: contentType}, exchange.Field{Name: fieldTE, Value: "trailers"})
	case h.Protocol == ProtocolWeb:
		contentType = WebType + "+" + orProto(subtype)
		fields = append(fields, exchange.Field{Name: fieldContentType, Value: contentType})
	default:
		contentType, accept = ConnectType+orProto(subtype), fieldHTTPAcceptEncoding
		if method.Kind != farcall.KindUnary {
			contentType, accept = ConnectStreamType+orProto(subtype), fieldConnectAcceptEncoding
		}
		fields = append(fields, exchange.Field{Name: fieldContentType, Value: contentType}, exchange.Field{Name: fieldConnectVersion, Value: ConnectVersion})
	}
	if h.AcceptEncoding != "" {
		fields = append(fields, exchange.Field{Name: accept, Value: h.AcceptEncoding})
	}
	return fields
}

// orProto returns a content subtype where the protocol has it say something.
func orProto(subtype string) string {
	if subtype == "" {
		return "proto"
	}
	return subtype
}

// checkPath returns an error for a path that cannot be sent.
func checkPath(path string) error {
	if len(path) < 2 || path[0] != '/' || !printable(path) || strings.Contains(path, " ") {
		return farcall.Errorf(farcall.Internal, "the method's path %q is not of the form /package.Service/Method", clip(path))
	}
	return nil
}

// RequestFields is what varies from request to request.
type RequestFields struct {
	Timeout    time.Duration // time left, where HasTimeout is set
	HasTimeout bool
	Encoding   string // how messages are compressed, "" for not at all
	StepTimes  bool   // ask for the server's step times
	Metadata   farcall.Metadata
}

// Varies reports whether AppendRequest has anything to append.
func (r *RequestFields) Varies() bool {
	return r.HasTimeout || r.Encoding != "" || r.StepTimes || r.Metadata.Len() > 0
}

// AppendRequest appends the varying fields of a request; there may be none. It fails with INTERNAL, naming the key, on
// metadata that must not be sent.
//
// The specification would have grpc-timeout right behind the pseudo-fields; it comes after the fixed part, because what
// precedes it is remembered as one block.
func AppendRequest(dst []exchange.Field, request *RequestFields) ([]exchange.Field, error) {
	if more := request.Metadata.Len(); more > 0 {
		dst = slices.Grow(dst, 3+more) // the three below and the metadata at once
	}
	if request.HasTimeout {
		var value [9]byte
		dst = append(dst, exchange.Field{Name: fieldTimeout, Value: string(AppendTimeout(value[:0], request.Timeout))})
	}
	if request.Encoding != "" {
		dst = append(dst, exchange.Field{Name: fieldEncoding, Value: request.Encoding})
	}
	if request.StepTimes {
		dst = append(dst, exchange.Field{Name: fieldStepTimes, Value: "1"})
	}
	if request.Metadata.Len() == 0 {
		return dst, nil
	}
	return AppendMetadata(dst, request.Metadata)
}

// ErrNotGRPC is returned by ParseRequest for a request with another content type, or none: it is for somebody else.
var ErrNotGRPC = errors.New("the request's content type is not application/grpc")

// Rejection is the error for a gRPC request that is malformed. HTTPStatus lets clients that are not gRPC's see it too.
type Rejection struct {
	HTTPStatus string
	Failure    *farcall.Error
}

// Error returns the failure's text.
func (r *Rejection) Error() string { return r.Failure.Error() }

// Unwrap returns the failure.
func (r *Rejection) Unwrap() error { return r.Failure }

// Head returns the whole answer to a rejected request, without body and trailers.
func (r *Rejection) Head() exchange.Head {
	fields := []exchange.Field{{Name: fieldStatus, Value: r.HTTPStatus}, {Name: fieldContentType, Value: ContentType}}
	return exchange.Head{Fields: appendStatus(fields, r.Failure)}
}

func reject(httpStatus, format string, args ...any) *Rejection {
	return &Rejection{httpStatus, farcall.AsError(farcall.Errorf(farcall.Internal, format, args...))}
}

// Request is what the head of a gRPC request says.
type Request struct {
	Path           string
	Authority      string
	Subtype        string        // "" or "proto": protobuf
	Timeout        time.Duration // zero for a deadline that has passed
	HasTimeout     bool
	Encoding       string // how messages are compressed, "" for not at all
	AcceptEncoding string
	StepTimes      bool // the caller asks for the server's step times
	Metadata       farcall.Metadata

	cookies int    // fields
	method  string // HTTP's
	host    string
	grpc    bool
	failure *Rejection // the first thing found wrong
	note    *runNote
}

// runNote is what ParseRequest keeps in Fixed.Memo: what the run says, and the server's note on its path.
type runNote struct {
	request Request
	route   atomic.Value
}

// ParseRequest reads the head of a request into request. The error is ErrNotGRPC or a *Rejection.
//
// It notes in head.Fixed.Memo what the fixed run says: for a known run and nothing behind it it costs a copy. Metadata may
// then be shared with other requests: changing it is safe, as ever with Metadata, because that copies.
func ParseRequest(head exchange.Head, request *Request) error {
	if head.Fixed == nil {
		*request = Request{}
	} else {
		note, known := head.Fixed.Memo.Load().(*runNote)
		if !known {
			note = newRunNote(head.Fixed.Fields)
			head.Fixed.Memo.Store(note)
		}
		*request = note.request
	}
	for i := range head.Fields {
		request.take(&head.Fields[i], len(head.Fields)-i-1)
	}
	return request.finish()
}

func newRunNote(fields []exchange.Field) *runNote {
	note := &runNote{}
	note.request.note = note
	for i := range fields {
		note.request.take(&fields[i], len(fields)-i-1)
	}
	note.request.Metadata = note.request.Metadata.Clone() // without spare room, see Metadata
	return note
}

// take reads one field; more fields follow it.
func (r *Request) take(field *exchange.Field, more int) {
	switch field.Name {
	case fieldMethod:
		r.method = field.Value
	case fieldScheme:
	case fieldPath:
		r.Path = field.Value
	case fieldAuthority:
		r.takeAuthority(field, more)
	case fieldHost:
		if r.host != "" {
			r.fail(reject("400", "the request has more than one host field"))
		}
		r.host = field.Value
	case fieldUserAgent:
		if printable(field.Value) {
			r.Metadata.Grow(1 + more)
			r.Metadata.Add(field.Name, field.Value)
		}
	case fieldContentType:
		r.Subtype, r.grpc = Subtype(field.Value)
	case fieldTimeout:
		timeout, err := ParseTimeout(field.Value)
		if err != nil {
			r.fail(reject("400", "%v", err))
		}
		r.Timeout, r.HasTimeout = timeout, true
	case fieldEncoding:
		if r.Encoding = field.Value; r.Encoding == "identity" {
			r.Encoding = ""
		}
	case fieldAcceptEncoding:
		if r.AcceptEncoding != "" && field.Value != "" {
			r.AcceptEncoding += ","
		}
		r.AcceptEncoding += field.Value
	case fieldStepTimes:
		r.StepTimes = field.Value == "1"
	default:
		if field.Name == fieldCookie {
			r.cookies++
		}
		if err := AddReceived(&r.Metadata, field, more); err != nil {
			r.fail(&Rejection{"400", farcall.AsError(err)})
		}
	}
}

func (r *Request) takeAuthority(field *exchange.Field, more int) {
	if r.Authority != "" {
		r.fail(reject("400", "the request has more than one :authority field"))
		return
	}
	if r.Authority = field.Value; field.Value != "" && printable(field.Value) {
		r.Metadata.Grow(1 + more)
		r.Metadata.Add(fieldAuthority, field.Value)
	}
}

func (r *Request) fail(rejection *Rejection) {
	if r.failure == nil {
		r.failure = rejection
	}
}

// finish judges the head as a whole.
func (r *Request) finish() error {
	if !r.grpc {
		return ErrNotGRPC
	}
	if r.Authority == "" && r.host != "" { // :authority is the name of either in HTTP/2
		r.takeAuthority(&exchange.Field{Name: fieldAuthority, Value: r.host}, 0)
	}
	r.joinCookies()
	if r.failure != nil {
		return r.failure
	}
	if r.method != "POST" {
		return reject("405", "the request's method is %q, gRPC's is POST", clip(r.method))
	}
	return nil
}

// UnreadSubtype returns the answer to a request whose content subtype the server has no codec for.
func UnreadSubtype(subtype string) *Rejection {
	return &Rejection{"200", &farcall.Error{Code: farcall.Unimplemented,
		Message: fmt.Sprintf("messages in %q are not read here: send application/grpc+proto", clip(ContentType+"+"+subtype))}}
}

// Route returns what SetRoute noted for an earlier request with the same fixed run, nil for nothing.
func (r *Request) Route() any {
	if !r.pathIsNoted() {
		return nil
	}
	return r.note.route.Load()
}

// SetRoute notes what the server found under the request's path, for later requests with the same fixed run. It is always
// of the same type.
func (r *Request) SetRoute(route any) {
	if r.pathIsNoted() {
		r.note.route.Store(route)
	}
}

// pathIsNoted reports whether the path is part of the fixed run.
func (r *Request) pathIsNoted() bool {
	return r.note != nil && r.note.request.Path == r.Path
}

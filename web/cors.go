// SPDX-License-Identifier: Apache-2.0

package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/farcall/farcall/internal/exchange"
)

// Origins says which pages may call from a browser (CORS, fetch.spec.whatwg.org section 3.2). The zero value lets none in
// but those of the server's own origin, of which a browser asks nothing.
type Origins struct {
	// Origins are the pages', "https://shop.example", or "*" for any.
	Origins []string
	// Credentials lets browsers send cookies and client certificates. It goes with named origins only: "*" and the cookies
	// of whoever is logged in would let any page on the Internet act for its visitors.
	Credentials bool
	// MaxAge is how long a browser may keep the answer to a preflight.
	MaxAge time.Duration
}

// allows returns what access-control-allow-origin is to say to an origin, "" for nothing.
func (o *Origins) allows(origin string) string {
	for _, allowed := range o.Origins {
		if allowed == "*" && !o.Credentials {
			return "*"
		}
		if strings.EqualFold(allowed, origin) {
			return origin
		}
	}
	return ""
}

// varies reports whether the answer differs from origin to origin, which caches have to know.
func (o *Origins) varies() bool { return !slices.Contains(o.Origins, "*") || o.Credentials }

// Preflight reports whether a request is the question that a browser asks before a call, and which HTTP method the call
// will have.
func Preflight(head exchange.Head) (method string, ok bool) {
	if head.Get(":method") != "OPTIONS" {
		return "", false
	}
	if _, from := head.Lookup("origin"); !from {
		return "", false
	}
	return head.Lookup("access-control-request-method")
}

// AnswerPreflight answers a preflight for a call that exists: what an allowed origin asks for, it may send.
func (o *Origins) AnswerPreflight(x exchange.Served) error {
	head := x.Request()
	fields := []exchange.Field{{Name: ":status", Value: "204"},
		{Name: "vary", Value: "origin, access-control-request-method, access-control-request-headers"}}
	if allowed := o.allows(head.Get("origin")); allowed != "" {
		fields = append(fields, exchange.Field{Name: "access-control-allow-origin", Value: allowed},
			exchange.Field{Name: "access-control-allow-methods", Value: head.Get("access-control-request-method")})
		if asked := head.Get("access-control-request-headers"); asked != "" {
			fields = append(fields, exchange.Field{Name: "access-control-allow-headers", Value: asked})
		}
		if o.Credentials {
			fields = append(fields, exchange.Field{Name: "access-control-allow-credentials", Value: "true"})
		}
		fields = append(fields, exchange.Field{Name: "access-control-max-age", Value: strconv.Itoa(int(o.MaxAge / time.Second))})
	}
	return x.Answer(exchange.Head{Fields: fields}, nil, nil)
}

// Open returns x as it is answered to a page of the request's origin: with the fields that let the page read the answer,
// if it may. Without origins, and for who is no browser, it is x itself.
func (o *Origins) Open(x exchange.Served) exchange.Served {
	if len(o.Origins) == 0 {
		return x
	}
	origin, from := x.Request().Lookup("origin")
	if !from && !o.varies() {
		return x
	}
	opened := &openExchange{Served: x, credentials: o.Credentials, varies: o.varies()}
	if from {
		opened.allowed = o.allows(origin)
	}
	return opened
}

// openExchange is an exchange whose answer a page may read.
type openExchange struct {
	exchange.Served
	allowed     string // the value of access-control-allow-origin, "" for none
	credentials bool
	varies      bool
}

func (x *openExchange) Answer(head exchange.Head, body []byte, trailers []exchange.Field) error {
	return x.Served.Answer(x.open(head), body, trailers)
}

func (x *openExchange) Start(head exchange.Head) error { return x.Served.Start(x.open(head)) }

// Peek returns buffered bytes without taking them, where the exchange can.
func (x *openExchange) Peek(n int) []byte {
	if peeking, ok := x.Served.(interface{ Peek(n int) []byte }); ok {
		return peeking.Peek(n)
	}
	return nil
}

// open adds the fields to a head. A page is shown the names of all that the answer has, metadata included: a list of what
// is known beforehand would hide it.
func (x *openExchange) open(head exchange.Head) exchange.Head {
	fields := slices.Clone(head.Fields)
	if x.varies {
		fields = append(fields, exchange.Field{Name: "vary", Value: "origin"})
	}
	if x.allowed == "" {
		return exchange.Head{Fixed: head.Fixed, Fields: fields}
	}
	var names []string
	for field := range head.All {
		if field.Name[0] != ':' && !strings.HasPrefix(field.Name, "access-control-") && !slices.Contains(names, field.Name) {
			names = append(names, field.Name)
		}
	}
	fields = append(fields, exchange.Field{Name: "access-control-allow-origin", Value: x.allowed})
	if x.credentials {
		fields = append(fields, exchange.Field{Name: "access-control-allow-credentials", Value: "true"})
	}
	if len(names) > 0 {
		fields = append(fields, exchange.Field{Name: "access-control-expose-headers", Value: strings.Join(names, ", ")})
	}
	return exchange.Head{Fixed: head.Fixed, Fields: fields}
}

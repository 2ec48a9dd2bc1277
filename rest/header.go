// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// metadataPrefix begins the headers that carry any metadata, both ways.
const metadataPrefix = "grpc-metadata-"

// StatusKey is the response metadata by which a handler chooses the HTTP status of its answer. A success may have 200 to
// 399, where 204, 205 and 304 are answered without a body; a failure may have 400 to 599.
//
//	header := farcall.IncomingCall(ctx).ResponseHeader()
//	header.Set(rest.StatusKey, "201")
//	header.Set("location", "/v1/orders/17")
//
// Over gRPC it is metadata like any other.
const StatusKey = "http-status"

// passedOn reports whether a request header becomes metadata under its own name. A key of these is taken from nowhere
// else: a proxy that checks authorization must not be walked around with grpc-metadata-authorization.
func (r *Router) passedOn(name string) bool {
	switch name {
	case "authorization", "idempotency-key", "x-request-id", "traceparent", "tracestate":
		return true
	}
	return r.requestHeaders[name]
}

// returned reports whether response metadata goes out under its own name.
func (r *Router) returned(key string) bool {
	switch key {
	case "location", "content-location", "etag", "last-modified", "cache-control", "expires", "retry-after", "link",
		"content-language", "content-disposition", "www-authenticate", "deprecation", "sunset":
		return true
	}
	return r.responseHeaders[key]
}

// headerNames returns names in lower case, without those that the router or HTTP itself has the say about.
func headerNames(names []string) map[string]bool {
	known := make(map[string]bool)
	for _, name := range names {
		switch name = strings.ToLower(name); name {
		case "content-encoding", "content-range", "accept-ranges", "allow", "date", StatusKey:
		default:
			known[name] = true
		}
	}
	return known
}

// readMetadata takes the metadata that the request's headers carry. Keys that belong to HTTP or gRPC are left out, as they are
// when they arrive over gRPC.
func (c *call) readMetadata() error {
	var metadata farcall.Metadata
	var fault error
	c.head.All(func(field exchange.Field) bool {
		if !c.router.passedOn(field.Name) {
			key, prefixed := strings.CutPrefix(field.Name, metadataPrefix)
			if !prefixed || c.router.passedOn(key) {
				return true
			}
			field.Name = key
		}
		before := metadata.Len()
		fault = wire.AddReceived(&metadata, &field, 0)
		if fault == nil && metadata.Len() == before && field.Name == "idempotency-key" { // whoever tries again without it pays twice
			fault = farcall.Errorf(farcall.InvalidArgument, "the idempotency-key cannot be passed on: it is not printable ASCII")
		}
		return fault == nil
	})
	if fault != nil {
		return refuse(400, farcall.InvalidArgument, "the request's headers: %s", farcall.AsError(fault).Message)
	}
	c.metadata = metadata
	return nil
}

// outgoing returns a context whose calls send that metadata.
func (c *call) outgoing(ctx context.Context) context.Context {
	if c.metadata.Len() == 0 {
		return ctx
	}
	pairs := make([]string, 0, 2*c.metadata.Len())
	for key, value := range c.metadata.All() {
		pairs = append(pairs, key, value)
	}
	return farcall.WithMetadata(ctx, pairs...)
}

// responseFields are the headers that response metadata makes.
type responseFields struct {
	fields []exchange.Field
	status int  // what StatusKey says, 0 for nothing
	cached bool // one of them says that the answer may be kept
}

// add appends the headers of a response's header metadata. After an error none were.
func (f *responseFields) add(r *Router, metadata farcall.Metadata) error {
	start := len(f.fields)
	fields, err := wire.AppendMetadata(f.fields, metadata)
	if err != nil {
		return err
	}
	kept := fields[:start]
	for _, field := range fields[start:] {
		switch {
		case field.Name == StatusKey:
			status, err := strconv.Atoi(field.Value)
			if err != nil || status < 200 || status > 599 {
				return farcall.Errorf(farcall.Internal, "the %s %q of the response is no status: it is 200 to 399 for a success, 400 to 599 for a failure", StatusKey, clip(field.Value))
			}
			f.status = status
			continue
		case !r.returned(field.Name):
			field.Name = metadataPrefix + field.Name
		case field.Name == "etag" || field.Name == "last-modified" || field.Name == "cache-control" || field.Name == "expires":
			f.cached = true
		}
		kept = append(kept, field)
	}
	if f.fields = kept; f.cached {
		f.vary()
	}
	return nil
}

// vary says that other headers get another answer.
func (f *responseFields) vary() {
	f.fields = append(f.fields, exchange.Field{Name: "vary", Value: "accept, accept-encoding"})
}

// encoded adds what the answer is compressed with.
func (f *responseFields) encoded(coding string) {
	if !f.cached {
		f.vary()
	}
	f.fields = append(f.fields, exchange.Field{Name: "content-encoding", Value: coding})
}

// withTimeout applies the request's grpc-timeout, or its x-server-timeout in seconds, to ctx.
func (c *call) withTimeout(ctx context.Context) (context.Context, context.CancelFunc, error) {
	value := c.headers.grpcTimeout
	if value == "" && c.headers.serverTimeout == "" {
		return ctx, func() {}, nil
	}
	var timeout time.Duration
	var err error
	if value != "" {
		timeout, err = wire.ParseTimeout(value)
	} else {
		timeout, err = parseSeconds(c.headers.serverTimeout)
	}
	if err != nil {
		return nil, nil, refuse(400, farcall.InvalidArgument, "%s", err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

// parseSeconds reads a number of seconds such as "1.5". More than a century is a century.
func parseSeconds(text string) (time.Duration, error) {
	const century = 100 * 365 * 24 * 60 * 60
	for i := range len(text) {
		if c := text[i]; c != '.' && (c < '0' || c > '9') {
			return 0, fmt.Errorf("x-server-timeout %q is malformed: a number of seconds such as 1.5 is expected", clip(text))
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("x-server-timeout %q is malformed: a number of seconds such as 1.5 is expected", clip(text))
	}
	return time.Duration(min(seconds, century) * float64(time.Second)), nil
}

// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Annotation is an entry of a call's metadata.
type Annotation struct{ Name, Value string }

// Names that the interceptors of a server read.
const (
	AuthorizationName = "authorization"
	RequestIDName     = "x-request-id"
)

const authorization = "Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmRlcnMiLCJhdWQiOiJwYXltZW50cyIsImV4cCI6MTc5NTMwMDAwMH0.MEUCIQDx"

// annotationsOf returns the ten entries of a realistic call. The request's and the trace's id are its own, eight repeat.
func annotationsOf(call uint64) []Annotation {
	return []Annotation{
		{AuthorizationName, authorization},
		{RequestIDName, fmt.Sprintf("req-%016x", call)},
		{"traceparent", fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e%04x-%016x-01", call>>48, call)},
		{"tracestate", "vendor=t61rcWkgMzE"},
		{"x-tenant", "acme-eu-1"},
		{"x-region", "eu-central-1"},
		{"x-caller", "orders"},
		{"x-caller-version", "2026.11.3"},
		{"x-feature-flags", "new-checkout,fast-refunds"},
		{"x-shard", "17"},
	}
}

// callTimeout is the deadline of a realistic call: far enough never to pass, as in good times.
const callTimeout = 10 * time.Second

// errUnauthenticated is what the first interceptor of a server answers a call without the right entry.
var errUnauthenticated = errors.New("no authorization that this service knows")

// Authorize is what the first interceptor of a server does, with what lookup finds in the call's metadata ("" for nothing).
func Authorize(lookup func(name string) string) error {
	if lookup(AuthorizationName) != authorization {
		return errUnauthenticated
	}
	return nil
}

// Watchbook is what the second interceptor of a server, and those of a client, write into.
type Watchbook struct {
	calls, failed, nanoseconds, identified atomic.Int64
}

// Note notes a call's end.
func (w *Watchbook) Note(took time.Duration, requestID string, err error) {
	w.calls.Add(1)
	w.nanoseconds.Add(int64(took))
	if err != nil {
		w.failed.Add(1)
	}
	if requestID != "" {
		w.identified.Add(1)
	}
}

// The books of this process: the server's second interceptor, the client's two.
var ServerBook, ClientBook, ClientAttemptBook Watchbook

// Count returns how many calls were noted, and of how many the request's id was known.
func (w *Watchbook) Count() (calls, identified int64) { return w.calls.Load(), w.identified.Load() }

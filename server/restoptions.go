// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"

	"github.com/farcall/farcall/transcode"
)

// REST are the settings of what google.api.http rules serve; docs/rest.md has the whole of it. Options.MaxReceiveBytes,
// Compression, MinCompressBytes and Compressors count there as well.
type REST struct {
	// Rules are HTTP rules from outside the .proto files, such as the http of a google.api.Service. The last one whose
	// selector is a method's full name takes the place of the method's own option. nil: there are none.
	Rules *annotations.Http
	// RequestHeaders reach handlers as metadata under their own names, besides authorization, idempotency-key, x-request-id,
	// traceparent and tracestate.
	RequestHeaders []string
	// ResponseHeaders are response metadata that goes out under its own names, besides what HTTP clients expect there, such
	// as location, etag, cache-control and retry-after. All other metadata has the prefix grpc-metadata-.
	ResponseHeaders []string
	// BodyTimeout is how long a request's body, or the next message of it, may take to arrive. 0: 30 s; negative: as long
	// as the call may take.
	BodyTimeout time.Duration
	// Heartbeat is how often a client of server-sent events hears something, whether or not there are any. 0: 15 s;
	// negative: never.
	Heartbeat time.Duration
	// JSON says how JSON is written, and what of it is accepted.
	JSON transcode.Options
	// ServiceJSON says so for single services, by full name, in the place of JSON.
	ServiceJSON map[string]transcode.Options
	// OpenAPI describes the routes to whoever asks: it is an OpenAPI. nil: nothing does.
	OpenAPI Describer
}

// Describer is an OpenAPI, and nothing else is. It is an interface so that those alone link what makes the document who set
// one: the linker drops methods of types that nobody makes an interface of.
type Describer interface {
	page(d *description, path string) (page, bool)
}

// OpenAPI is a description of the REST routes, as a document and as a page.
type OpenAPI struct {
	// On serves the document at /openapi.json, unless a route has that path.
	On bool
	// Docs serves a page for people at /docs, and the document with it.
	Docs bool
	// Document is what is served, such as the output of "farcall openapi", which has the comments of the .proto files. nil:
	// it is made from the descriptors of the methods that are registered, which have none.
	Document []byte
	// Title and Version are those of a document that is made here. "": the names of the services, and the version in the
	// name of their package.
	Title, Version string
}

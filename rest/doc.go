// SPDX-License-Identifier: Apache-2.0

// Package rest holds google.api.http routes: a REST request becomes a call, a result becomes a REST response.
//
// Supported are unary methods, and with newline-delimited JSON those that return a stream, with every HTTP method, custom
// ones included; path templates in full, with percent-decoding as google/api/http.proto says it; additional_bindings; a
// body of "*", a field, or none; response_body; query parameters onto scalars, enums, repeated fields of these, fields
// inside messages (a.b=1) and messages whose JSON form is a string or scalar; HEAD wherever there is GET; and the
// request's deadline in grpc-timeout. Failures are google.rpc.Status in JSON, with details.
//
// Not yet: methods that take a stream and google.api.HttpBody (501), maps in the query, field masks from a PATCH body, Accept,
// compression (415), OPTIONS, rules from outside the .proto file, trailers, OpenAPI.
//
// Request headers reach the call as metadata if they are authorization, idempotency-key, x-request-id, traceparent,
// tracestate, or begin with grpc-metadata-, which is cut off; response header metadata goes back with that prefix.
package rest

// Where http.proto leaves a choice:
//   - A field has one source. A query parameter for a field that the path or the body gives is an error, and so is any
//     query parameter where the body is "*". In the same way a body where the rule has none is an error: nothing that a
//     client sends is dropped in silence. What the path gives wins over what the body says of the same field.
//   - A literal segment goes before "*", "*" before "**", from the left. Among the routes whose path fits, those with the
//     request's HTTP method count first.
//   - The end of a path from its last colon is a verb if a route with that verb fits the rest, whatever its HTTP method;
//     otherwise it is part of the segment.
//   - "*" does not match an empty segment.
//
// A stream is answered with application/x-ndjson: each message is one line, sent as it comes. The head goes with the
// first one, so that a call that fails before is answered like any other; a failure after it is a last line,
// {"error":{"code":…,"message":…,"details":…}}. A client that goes away cancels the call. HEAD waits for the first
// message, or the end, and then cancels it. Nothing is kept for a client that does not read: the
// handler waits.

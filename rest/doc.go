// SPDX-License-Identifier: Apache-2.0

// Package rest holds google.api.http routes: a REST request becomes a call, a result becomes a REST response.
//
// Everything in google/api/http.proto is served, streams and google.api.HttpBody included; docs/rest.md says what a client
// sends and gets. router.go has the way of a unary request: tree.go finds its route, body.go and bind.go make the message,
// answer.go writes what comes back. Streams go by stream.go, with requests.go (values.go, form.go) for what is sent and
// responses.go for what is received, and compressedbody.go and compressedanswer.go where they are compressed; websocket.go has
// both. Package openapi describes the routes.
//
// Not yet: WebSocket over HTTP/2, and trailers.
//
// Failures are google.rpc.Status, with details. Request headers reach the call as metadata if they are known to be safe,
// or begin with grpc-metadata-, which is cut off; response header metadata goes back with that prefix unless HTTP has a use for
// it. StatusKey lets a handler choose the status.
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
// The head of a stream goes with its first message, so that a call that fails before is answered like any other; a failure
// after it is a last element, {"error":{"code":…,"message":…,"details":…}}. A client that goes away cancels the call. HEAD
// waits for the first message, or the end, and then cancels it. Nothing is kept for a client that does not read: the
// handler waits.

// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// metadataPrefix begins the headers that carry any metadata, both ways.
const metadataPrefix = "grpc-metadata-"

// passedOn reports whether a request header becomes metadata under its own name. A key of these is taken from nowhere
// else: a proxy that checks authorization must not be walked around with grpc-metadata-authorization.
func passedOn(name string) bool {
	switch name {
	case "authorization", "idempotency-key", "x-request-id", "traceparent", "tracestate":
		return true
	}
	return false
}

// withMetadata returns a context whose calls send what the request's headers carry. Keys that belong to HTTP or gRPC are
// left out, as they are when they arrive over gRPC.
func withMetadata(ctx context.Context, head exchange.Head) (context.Context, error) {
	var metadata farcall.Metadata
	var fault error
	head.All(func(field exchange.Field) bool {
		if !passedOn(field.Name) {
			key, prefixed := strings.CutPrefix(field.Name, metadataPrefix)
			if !prefixed || passedOn(key) {
				return true
			}
			field.Name = key
		}
		fault = wire.AddReceived(&metadata, &field, 0)
		return fault == nil
	})
	if fault != nil {
		return ctx, refuse(400, farcall.InvalidArgument, "the request's headers: %s", farcall.AsError(fault).Message)
	}
	if metadata.Len() == 0 {
		return ctx, nil
	}
	pairs := make([]string, 0, 2*metadata.Len())
	for key, value := range metadata.All() {
		pairs = append(pairs, key, value)
	}
	return farcall.WithMetadata(ctx, pairs...), nil
}

// appendMetadata appends the headers that carry a response's header metadata.
func appendMetadata(fields []exchange.Field, metadata farcall.Metadata) ([]exchange.Field, error) {
	start := len(fields)
	fields, err := wire.AppendMetadata(fields, metadata)
	if err != nil {
		return fields[:start], err
	}
	for i := start; i < len(fields); i++ {
		fields[i].Name = metadataPrefix + fields[i].Name
	}
	return fields, nil
}

// withTimeout applies the request's grpc-timeout to ctx.
func withTimeout(ctx context.Context, head exchange.Head) (context.Context, context.CancelFunc, error) {
	value, ok := head.Lookup("grpc-timeout")
	if !ok {
		return ctx, func() {}, nil
	}
	timeout, err := wire.ParseTimeout(value)
	if err != nil {
		return nil, nil, refuse(400, farcall.InvalidArgument, "%s", err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, cancel, nil
}

// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

// BenchmarkRequest is what a call's head costs on both sides together, where the engine remembers the fixed part.
func BenchmarkRequest(b *testing.B) {
	heads, err := wire.NewHeads("http", "payments:9090", "grpc-go-farcall/0.1")
	if err != nil {
		b.Fatal(err)
	}
	for name, fields := range map[string]*wire.RequestFields{
		"bare":     {},
		"deadline": {Timeout: 1234567890, HasTimeout: true},
		"metadata": {Timeout: time.Second, HasTimeout: true, Metadata: farcall.NewMetadata("tenant", "blue", "trace-bin", "0123456789")},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var request wire.Request
			for b.Loop() {
				fixed, err := heads.Fixed(charge)
				if err != nil {
					b.Fatal(err)
				}
				varying, err := wire.AppendRequest(nil, fields)
				if err != nil {
					b.Fatal(err)
				}
				if err := wire.ParseRequest(exchange.Head{Fixed: fixed, Fields: varying}, &request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAnswer is what a successful call's head and trailers cost on both sides together.
func BenchmarkAnswer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		trailers, err := wire.AppendTrailers(nil, nil, farcall.Metadata{}, nil)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := wire.ParseAnswer(wire.AnswerHead("", ""))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := answer.End(trailers, false); err != nil {
			b.Fatal(err)
		}
	}
}

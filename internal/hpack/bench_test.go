// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"strings"
	"testing"

	"github.com/farcall/farcall/internal/exchange"
)

// A call's usual head: what is fixed for the method, a timeout and a trace.
var (
	benchFixed = fixedOf(`:method: POST
		:scheme: http
		:path: /shop.v1.Payments/Charge
		:authority: payments:9090
		te: trailers
		content-type: application/grpc
		user-agent: farcall-go/0.1`)
	benchFields = []exchange.Field{
		{Name: "grpc-timeout", Value: "2999999u"},
		{Name: "traceparent", Value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
	}
)

func benchHeads(b *testing.B, run func(b *testing.B, head exchange.Head)) {
	b.Run("fixed", func(b *testing.B) { run(b, exchange.Head{Fixed: benchFixed}) })
	b.Run("fixed+2", func(b *testing.B) { run(b, exchange.Head{Fixed: benchFixed, Fields: benchFields}) })
	b.Run("2", func(b *testing.B) { run(b, exchange.Head{Fields: benchFields}) })
}

func BenchmarkAppendHead(b *testing.B) {
	benchHeads(b, func(b *testing.B, head exchange.Head) {
		e, dst := NewEncoder(4096), make([]byte, 0, 4096)
		b.ReportAllocs()
		for b.Loop() {
			e.AppendHead(dst, head)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	benchHeads(b, func(b *testing.B, head exchange.Head) {
		e, d := NewEncoder(4096), NewDecoder(4096, 1<<16)
		for range 2 {
			if _, err := d.Decode(e.AppendHead(nil, head)); err != nil {
				b.Fatal(err)
			}
		}
		block := e.AppendHead(nil, head)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Decode(block); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("fixed, not remembered", func(b *testing.B) {
		e, d := NewEncoder(4096), NewDecoder(4096, 1<<16)
		d.memo.resting = 1 << 30
		head := exchange.Head{Fixed: benchFixed}
		if _, err := d.Decode(e.AppendHead(nil, head)); err != nil {
			b.Fatal(err)
		}
		block := e.AppendHead(nil, head)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.Decode(block); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkHuffman(b *testing.B) {
	text := strings.Repeat("/shop.v1.Payments/Charge", 4)
	code, dst := appendHuffman(nil, text), make([]byte, 0, 4096)
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			appendHuffman(dst, text)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := appendHuffmanDecoded(dst, code); err != nil {
				b.Fatal(err)
			}
		}
	})
}

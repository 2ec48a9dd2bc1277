// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
)

// BenchmarkUnary makes small calls over loopback TCP, both ends in this process.
func BenchmarkUnary(b *testing.B) {
	for _, load := range []struct {
		name    string
		workers int
	}{{"1 in flight", 1}, {"64 in flight", 64}, {"512 in flight", 512}} {
		b.Run(load.name, func(b *testing.B) { benchmarkUnary(b, load.workers) })
	}
}

// answering is the server's hot path: one goroutine for each request, started when the request is whole.
type answering struct{}

func (answering) Accept(s *ServerStream) {
	s.OnEnd(plenty, func(s *ServerStream, _ bool) {
		go func() {
			s.Answer(okHead, s.Next(s.Buffered()), okTrailers)
			s.Release()
		}()
	}, false)
}
func (answering) Ended(*ServerStream, error) {}
func (answering) Overdue(*ServerStream)      {}

func benchmarkUnary(b *testing.B, workers int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		nc, err := listener.Accept()
		if err == nil {
			serve(NewServer(nc, answering{}, Options{}))
		}
	}()
	nc, err := net.Dial("tcp", listener.Addr().String())
	listener.Close()
	if err != nil {
		b.Fatal(err)
	}
	client, err := NewClient(context.Background(), nc, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close(nil)
	body := pattern(96)
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, workers)
	b.ReportAllocs()
	b.ResetTimer()
	for range workers {
		go func() {
			for left.Add(-1) >= 0 {
				s, err := client.Open(context.Background(), postHead, body, true)
				if err == nil {
					err = s.WantEnd(context.Background(), plenty)
				}
				if err != nil {
					done <- err
					return
				}
				s.Next(s.Buffered())
				s.Close()
			}
			done <- nil
		}()
	}
	for range workers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// words are what the text in messages like an order's is made of.
var words = []string{"tea", "pot", "green", "Darjeeling", "EUR", "basket", "order", "customer", "street", "2026-11-22T12:00:00Z"}

// likeProtobuf returns size bytes that are mixed as those of messages are: tags and lengths that come back, words that do
// at times, numbers that do not.
func likeProtobuf(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var data []byte
	for field := byte(1); len(data) < size; field = field%6 + 1 {
		if field%3 == 0 {
			data = binary.AppendUvarint(append(data, field<<3), random.Uint64N(1<<random.IntN(40)+1))
			continue
		}
		text := fmt.Sprintf("%s-%d", words[random.IntN(len(words))], random.IntN(1000))
		data = append(append(data, field<<3|2, byte(len(text))), text...)
	}
	return data[:size]
}

// BenchmarkSize shows what compressing and decompressing a message costs by its size, and what is left of its bytes:
// where Options.MinCompressBytes has its default from.
//
//	go test -run '^$' -bench Size ./compress
func BenchmarkSize(b *testing.B) {
	for _, c := range []Compressor{Gzip, Zstd} {
		for _, size := range []int{64, 128, 256, 512, 1024, 2048, 4096, 16384} {
			b.Run(fmt.Sprintf("%s/%d", c.Name(), size), func(b *testing.B) {
				data := likeProtobuf(size)
				small := compressed(b, c, data)
				in, out := make([]byte, 0, 2*size), make([]byte, 0, 2*size)
				b.ReportAllocs()
				for b.Loop() {
					_, _ = c.Compress(in, data)
					_, _ = c.Decompress(out, small, size)
				}
				b.ReportMetric(100*float64(len(small))/float64(size), "%left")
				b.ReportMetric(float64(size-len(small)), "saved-B")
			})
		}
	}
}

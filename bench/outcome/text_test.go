// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"maps"
	"strings"
	"testing"
)

func TestReadText(t *testing.T) {
	got, err := ReadText(strings.NewReader(`
  401000        100 T runtime.mallocgc
  401100         20 t internal/runtime/maps.(*Map).Get
  402000        300 T crypto/tls.(*Conn).Read
  403000         40 T vendor/golang.org/x/crypto/chacha20poly1305.(*chacha20poly1305).Seal
  404000        500 T github.com/farcall/farcall.Invoke[go.shape.*uint8,go.shape.struct { net/http.x int }]
  404500         60 T github.com/farcall/farcall/server.(*Server).Serve
  405000        700 T google.golang.org/protobuf/proto.Marshal
  406000         80 T google.golang.org/grpc.(*Server).Serve
  407000          9 T type:.eq.net/http.http2FrameHeader
  408000          1 T _rt0_amd64_linux
  409000         11 T github.com/klauspost/compress/zstd.NewReader
  500000       9999 D runtime.zerobase
                  0 U getaddrinfo
`))
	want := map[string]int64{
		"runtime, reflect": 120, "TLS, crypto": 340, "farcall": 560, "protobuf-go": 700, "grpc-go": 80, "net/http": 9, "gzip, zstd": 11, "other": 1,
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := ReadText(strings.NewReader("401000 many T runtime.mallocgc")); err == nil {
		t.Error("a size that is no number is accepted")
	}
}

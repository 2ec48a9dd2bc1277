// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farcall/farcall/bench/plan"
)

// TestLinked looks for what programs must not have in them, since they do not use it. Each name is a function that its
// feature cannot do without; wanted ones are there to notice names that the standard library changes.
func TestLinked(t *testing.T) {
	const (
		handshake = "crypto/tls.(*Conn).serverHandshake"
		http1     = "net/http.(*Server).Serve"
		slog      = "log/slog.(*defaultHandler).Handle"
		zstd      = "github.com/klauspost/compress/zstd.(*Decoder).Reset"
		jsonOut   = "encoding/json.(*encodeState).marshal"
		jsonIn    = "encoding/json.(*decodeState).object"
		protojson = "google.golang.org/protobuf/encoding/protojson.encoder.marshalMessage"
		describes = "github.com/farcall/farcall/openapi.Document"
		dynamic   = "google.golang.org/protobuf/types/dynamicpb.(*Message).Set"
	)
	for name, of := range map[string]struct{ wanted, unwanted []string }{
		"everything":   {wanted: []string{handshake, http1, slog, zstd, jsonOut}, unwanted: []string{jsonIn, protojson, dynamic, describes}},
		"grpconly":     {unwanted: []string{handshake, http1, slog, zstd, jsonOut, jsonIn, protojson, dynamic}},
		"grpconly+TLS": {wanted: []string{handshake}, unwanted: []string{http1, slog, zstd, jsonOut, jsonIn, protojson, dynamic}},
	} {
		t.Run(name, func(t *testing.T) {
			var planned plan.Binary
			for _, binary := range plan.Binaries {
				if binary.Name == name {
					planned = binary
				}
			}
			file := filepath.Join(t.TempDir(), "binary")
			if err := buildSize(t.Context(), planned, "-w", file); err != nil {
				t.Fatal(err)
			}
			output, err := exec.CommandContext(t.Context(), "go", "tool", "nm", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			linked := make(map[string]bool)
			for line := range strings.Lines(string(output)) {
				if fields := strings.Fields(line); len(fields) == 3 {
					linked[fields[2]] = true
				}
			}
			for _, symbol := range of.wanted {
				if !linked[symbol] {
					t.Errorf("%s is not linked: has it another name now?", symbol)
				}
			}
			for _, symbol := range of.unwanted {
				if linked[symbol] {
					t.Errorf("%s is linked, and the program does not use it", symbol)
				}
			}
		})
	}
}

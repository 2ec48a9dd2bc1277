// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/farcall/farcall/compress"
)

// The reference implementation's command and our compressor read each other's frames, whatever level and form they have.
func TestZstdOfTheReferenceImplementation(t *testing.T) {
	zstd, err := exec.LookPath("zstd")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no zstd: make install installs it")
		}
		t.Skip("there is no zstd: make install installs it")
	}
	command := func(stdin []byte, arguments ...string) []byte {
		t.Helper()
		command := exec.CommandContext(t.Context(), zstd, arguments...)
		command.Stdin = bytes.NewReader(stdin)
		var problems bytes.Buffer
		command.Stderr = &problems
		output, err := command.Output()
		if err != nil {
			t.Fatalf("zstd %v: %v\n%s", arguments, err, problems.Bytes())
		}
		return output
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 100, 5_000, 900_000} {
		data := make([]byte, 0, size+40)
		for len(data) < size {
			data = fmt.Appendf(data, "order %d of %d items, ", random.IntN(1000), random.IntN(10))
		}
		data = data[:size]
		file := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, level := range []string{"-1", "-9", "--fast=5"} {
			for form, frame := range map[string][]byte{
				"that says how long it is": command(nil, level, "-q", "-c", file),
				"that does not":            command(data, level, "-q", "-c"),
				"without a checksum":       command(data, level, "-q", "-c", "--no-check"),
				"with a window of 8 MiB":   command(data, level, "-q", "-c", "--long=23"),
			} {
				if got, err := compress.Zstd.Decompress(nil, frame, size); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes, level %s, a frame %s: %d bytes, %v", size, level, form, len(got), err)
				}
			}
		}
		frame, err := compress.Zstd.Compress(nil, data)
		if err != nil {
			t.Fatal(err)
		}
		if got := command(frame, "-d", "-q", "-c"); !bytes.Equal(got, data) {
			t.Errorf("of our %d bytes zstd makes %d", size, len(got))
		}
	}
}

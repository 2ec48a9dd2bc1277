// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestStreamsAreLive reads each part before the next is written.
func TestStreamsAreLive(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		for range 3 { // with tables that are new, and used
			in, out := io.Pipe()
			reader := c.(Streamer).NewReader(in)
			written := make(chan error, 1)
			read := make(chan struct{})
			go func() {
				writer, err := c.(Streamer).NewWriter(out)
				for i := 0; err == nil && i < 50; i++ {
					if _, err = fmt.Fprintf(writer, "part %d %s\n", i, strings.Repeat("x", i*100)); err == nil {
						err = writer.Flush()
					}
					<-read
				}
				if err == nil {
					err = writer.Close()
				}
				out.CloseWithError(err)
				written <- err
			}()
			for i := range 50 {
				want := fmt.Sprintf("part %d %s\n", i, strings.Repeat("x", i*100))
				got := make([]byte, len(want))
				if _, err := io.ReadFull(reader, got); err != nil || string(got) != want {
					t.Fatalf("got %q, %v", got, err)
				}
				read <- struct{}{}
			}
			if rest, err := io.ReadAll(reader); len(rest) > 0 || err != nil {
				t.Errorf("behind the end: %q, %v", rest, err)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			reader.Close()
		}
	})
}

// TestWholeDataIsLiveToo: each part is compressed data of its own.
func TestWholeDataIsLiveToo(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		in, out := io.Pipe()
		reader := c.(Streamer).NewReader(in)
		read := make(chan struct{})
		go func() {
			for i := range 10 {
				if small, err := c.Compress(nil, fmt.Appendf(nil, "part %d", i)); err == nil {
					_, _ = out.Write(small)
				}
				<-read
			}
			out.Close()
		}()
		for i := range 10 {
			got := make([]byte, len("part 0"))
			if _, err := io.ReadFull(reader, got); err != nil || string(got) != fmt.Sprint("part ", i) {
				t.Fatalf("got %q, %v", got, err)
			}
			read <- struct{}{}
		}
		if rest, err := io.ReadAll(reader); len(rest) > 0 || err != nil {
			t.Errorf("behind the end: %q, %v", rest, err)
		}
		reader.Close()
	})
}

// TestOthersReadAndWriteTheSameStreams has the standard library, and zstd's own reader, at the other end.
func TestOthersReadAndWriteTheSameStreams(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789\n"), 50_000)
	builtIn(t, func(t *testing.T, c Compressor) {
		var out bytes.Buffer
		writer, err := c.(Streamer).NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		for part := range bytes.Lines(data[:len(data)/2]) {
			_, _ = writer.Write(part)
			_ = writer.Flush()
		}
		_, _ = writer.Write(data[len(data)/2:])
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		var reader io.Reader
		if c == Zstd {
			reader, err = zstd.NewReader(&out, zstd.WithDecoderConcurrency(1))
		} else {
			reader, err = gzip.NewReader(&out)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, data) {
			t.Errorf("they read %d bytes, %v", len(got), err)
		}
		theirs := streamed(t, c, data)
		ours := c.(Streamer).NewReader(bytes.NewReader(append(theirs[:len(theirs):len(theirs)], compressed(t, c, data)...)))
		defer ours.Close()
		if got, err := io.ReadAll(ours); err != nil || string(got) != string(data)+"\n"+string(data) {
			t.Errorf("of two in a row we read %d bytes, %v", len(got), err)
		}
	})
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		whole := compressed(t, c, []byte("hello, hello, hello"))
		for n := range whole {
			reader := c.(Streamer).NewReader(bytes.NewReader(whole[:n]))
			if _, err := io.ReadAll(reader); err == nil {
				t.Errorf("the first %d of %d bytes passed for a whole", n, len(whole))
			}
			reader.Close()
		}
		reader := c.(Streamer).NewReader(bytes.NewReader(append(whole[:len(whole):len(whole)], "garbage that follows"...)))
		if got, err := io.ReadAll(reader); err == nil || string(got) != "hello, hello, hello" {
			t.Errorf("with garbage behind: %q, %v", got, err)
		}
		reader.Close()
	})
	for _, name := range []string{"a gigabyte", "first small, then large"} {
		// Window_Descriptor 0xa0: 1 GiB; 0x70: 16 MiB; then an empty raw block that is the last.
		lie := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xa0, 1, 0, 0}
		if name != "a gigabyte" {
			lie = append(compressed(t, Zstd, []byte("hello")), 0x28, 0xb5, 0x2f, 0xfd, 0, 0x68, 3, 0, 0, 'x')
		}
		reader := Zstd.(Streamer).NewReader(bytes.NewReader(lie))
		if _, err := io.ReadAll(reader); err == nil {
			t.Errorf("%s: a window that was not reckoned with was taken", name)
		}
		reader.Close()
	}
}

// TestMemoryOfStreams holds what readers and writers say that they hold against what they allocate.
func TestMemoryOfStreams(t *testing.T) {
	data := append(likeProtobuf(512<<10), make([]byte, 9<<20)...)
	for name, fresh := range map[string]func() Streamer{
		"gzip": func() Streamer { return &gzipCompressor{} },
		"zstd": func() Streamer { return &zstdCompressor{} },
	} {
		held := func(run func() (memory int, close func())) (said, was int) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.GC() // what pools hold goes with the second
			runtime.ReadMemStats(&before)
			var closes []func()
			for range 2 {
				memory, close := run()
				said, closes = memory, append(closes, close)
			}
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&after)
			for _, close := range closes {
				close()
			}
			return said, int(after.HeapAlloc-before.HeapAlloc) / 2
		}
		said, was := held(func() (int, func()) {
			writer, err := fresh().NewWriter(io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			for part := data; len(part) > 0; part = part[min(len(part), 100_000):] {
				_, _ = writer.Write(part[:min(len(part), 100_000)])
				_ = writer.Flush()
			}
			return writer.Memory(), func() { _ = writer.Close() }
		})
		t.Logf("a %s writer holds %d KiB", name, was>>10)
		if was > said {
			t.Errorf("a %s writer holds %d bytes and says %d", name, was, said)
		}
		for _, window := range []int{128 << 10, 1 << 20, 8 << 20} {
			var out bytes.Buffer
			var writer io.WriteCloser = gzip.NewWriter(&out)
			if name == "zstd" {
				writer, _ = zstd.NewWriter(&out, zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(1))
			}
			_, _ = writer.Write(data[:min(len(data), window+window/8)])
			_ = writer.Close()
			small := out.Bytes()
			said, was = held(func() (int, func()) {
				reader := fresh().NewReader(bytes.NewReader(small))
				if _, err := io.CopyN(io.Discard, reader, int64(window)); err != nil {
					t.Fatal(err)
				}
				return reader.Memory(), reader.Close
			})
			t.Logf("a %s reader of a window of %d KiB holds %d KiB", name, window>>10, was>>10)
			if was > said {
				t.Errorf("a %s reader holds %d bytes and says %d", name, was, said)
			}
		}
	}
}

// TestStreamsAtOnce: tables have one owner at a time.
func TestStreamsAtOnce(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				for round := range 20 {
					want := bytes.Repeat(fmt.Appendf(nil, "%d/%d ", i, round), 500)
					var out bytes.Buffer
					writer, err := c.(Streamer).NewWriter(&out)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = writer.Write(want)
					_ = writer.Close()
					reader := c.(Streamer).NewReader(&out)
					if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, want) {
						t.Errorf("got %d bytes, %v", len(got), err)
					}
					reader.Close()
				}
			})
		}
		wait.Wait()
	})
}

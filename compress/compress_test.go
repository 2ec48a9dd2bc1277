// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// builtIn runs test for each compressor that is always known.
func builtIn(t *testing.T, test func(t *testing.T, c Compressor)) {
	for _, c := range []Compressor{Gzip, Zstd} {
		t.Run(c.Name(), func(t *testing.T) { test(t, c) })
	}
}

func compressed(t testing.TB, c Compressor, data []byte) []byte {
	t.Helper()
	small, err := c.Compress([]byte("prefix"), data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(small, []byte("prefix")) {
		t.Fatal("what dst held is gone")
	}
	return small[len("prefix"):]
}

// streamed returns data as the standard library's gzip, or a zstd encoder that does not know how much will come, has it.
func streamed(t testing.TB, c Compressor, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var writer io.WriteCloser = gzip.NewWriter(&out)
	if c == Zstd {
		var err error
		if writer, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1)); err != nil {
			t.Fatal(err)
		}
	}
	for part := range bytes.Lines(append(data, '\n')) { // so that it does not come at once
		if _, err := writer.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestThereAndBack(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		var wait sync.WaitGroup
		for _, size := range []int{0, 1, 511, 512, 513, 100_000, 5 << 20} {
			wait.Go(func() {
				data := bytes.Repeat([]byte("farcall "), size/8+1)[:size]
				small := compressed(t, c, data)
				got, err := c.Decompress([]byte("prefix"), small, size)
				if err != nil || string(got) != "prefix"+string(data) {
					t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
				}
				if size > 1000 && len(small) > size/50 {
					t.Errorf("%d bytes became %d", size, len(small))
				}
			})
		}
		wait.Wait()
	})
}

func TestOthersReadAndWriteTheSame(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789\n"), 1000)
	builtIn(t, func(t *testing.T, c Compressor) {
		ours := bytes.NewReader(compressed(t, c, data))
		var reader io.Reader
		var err error
		if c == Zstd {
			reader, err = zstd.NewReader(ours, zstd.WithDecoderConcurrency(1))
		} else {
			reader, err = gzip.NewReader(ours)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, data) {
			t.Errorf("they read %d bytes, %v", len(got), err)
		}
		theirs := streamed(t, c, data)
		for _, limit := range []int{-1, len(data) + 1} {
			if got, err := c.Decompress(nil, theirs, limit); err != nil || string(got) != string(data)+"\n" {
				t.Errorf("we read %d bytes, %v", len(got), err)
			}
		}
		twice := append(theirs[:len(theirs):len(theirs)], compressed(t, c, data)...)
		if got, err := c.Decompress(nil, twice, 3*len(data)); err != nil || len(got) != 2*len(data)+1 {
			t.Errorf("of two in a row we read %d bytes, %v", len(got), err)
		}
	})
}

func TestABombMeetsItsLimit(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		zeros := make([]byte, 64<<20)
		for name, bomb := range map[string][]byte{"at once": compressed(t, c, zeros), "in parts": streamed(t, c, zeros)} {
			const limit = 1 << 20
			got, err := c.Decompress(make([]byte, 0, 16), bomb, limit)
			if !errors.Is(err, ErrTooLarge) || len(got) != 0 {
				t.Fatalf("%s: %d bytes, %v", name, len(got), err)
			}
			if cap(got) > 4*limit {
				t.Errorf("%s: %d bytes were held for a limit of %d", name, cap(got), limit)
			}
			allocated := allocatedBytes(10, func() { _, _ = c.Decompress(nil, bomb, limit) })
			if allocated > 8*limit {
				t.Errorf("%s: %d bytes were allocated for a limit of %d", name, allocated, limit)
			}
		}
		for name, exact := range map[string][]byte{"at once": compressed(t, c, zeros[:9999]), "in parts": streamed(t, c, zeros[:9998])} {
			if got, err := c.Decompress(nil, exact, 9999); err != nil || len(got) != 9999 {
				t.Errorf("a message of exactly the limit, %s: %v", name, err)
			}
			if _, err := c.Decompress(nil, exact, 9998); !errors.Is(err, ErrTooLarge) {
				t.Errorf("a message one byte above the limit, %s: %v", name, err)
			}
			if _, err := c.Decompress(nil, exact, 0); !errors.Is(err, ErrTooLarge) {
				t.Errorf("a limit of nothing, %s: %v", name, err)
			}
		}
	})
}

// TestAFrameThatLies has frames that announce more than they hold, as far as a frame can.
func TestAFrameThatLies(t *testing.T) {
	frame := func(size ...byte) []byte { // a single segment of eight bytes of length, with one empty raw block
		return append(append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0}, size...), 1, 0, 0)
	}
	empty := compressed(t, Zstd, nil)
	for name, lie := range map[string][]byte{
		"a gigabyte":       frame(0, 0, 0, 0x40, 0, 0, 0, 0),
		"2^63 bytes":       frame(0, 0, 0, 0, 0, 0, 0, 0x80),
		"behind a true":    append(empty[:len(empty):len(empty)], frame(0, 0, 0, 0x40, 0, 0, 0, 0)...),
		"a thousand bytes": frame(0xe8, 3, 0, 0, 0, 0, 0, 0),
	} {
		got, err := Zstd.Decompress(nil, lie, -1)
		if err == nil || len(got) > 0 || cap(got) > 4<<20 {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), cap(got), err)
		}
	}
}

func TestBrokenDataIsAnError(t *testing.T) {
	builtIn(t, func(t *testing.T, c Compressor) {
		whole := compressed(t, c, []byte("hello, hello, hello"))
		for n := range whole {
			if _, err := c.Decompress(nil, whole[:n], -1); err == nil {
				t.Errorf("the first %d of %d bytes passed for a whole message", n, len(whole))
			}
		}
		for i := range whole[10:] {
			broken := bytes.Clone(whole)
			broken[10+i] ^= 0x55
			if got, err := c.Decompress(nil, broken, 1000); err == nil && string(got) != "hello, hello, hello" {
				t.Errorf("byte %d was changed, and nobody noticed", 10+i)
			}
		}
	})
}

// allocatedBytes returns how many bytes one of n runs allocates.
func allocatedBytes(n int, run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		run()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(n)
}

// TestTablesAreKept makes sure that the large tables are kept from message to message. (With the race detector a pool
// drops some on purpose.)
func TestTablesAreKept(t *testing.T) {
	data := bytes.Repeat([]byte("farcall "), 500)
	for kept, fresh := range map[Compressor]func() Compressor{
		Gzip: func() Compressor { return &gzipCompressor{} },
		Zstd: func() Compressor { return &zstdCompressor{} },
	} {
		small := compressed(t, kept, data)
		in, out := make([]byte, 0, 2*len(data)), make([]byte, 0, 2*len(data))
		round := func(c Compressor) {
			if _, err := c.Compress(in, data); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Decompress(out, small, len(data)); err != nil {
				t.Fatal(err)
			}
		}
		round(kept)
		pooled := allocatedBytes(200, func() { round(kept) })
		if alone := allocatedBytes(20, func() { round(fresh()) }); pooled > alone/2 {
			t.Errorf("%s allocates %d bytes for each message, and %d where nothing is kept", kept.Name(), pooled, alone)
		}
	}
}

type renamed struct {
	Compressor
	name string
}

func (r renamed) Name() string { return r.name }

func TestTable(t *testing.T) {
	table := NewTable(renamed{name: "upper"}, nil, Zstd)
	if table.Names() != "zstd,upper,gzip,identity" {
		t.Errorf("names %q", table.Names())
	}
	if table.Find("gzip") != Gzip || table.Find("zstd") != Zstd || table.Find("identity") != nil || table.Find("") != nil {
		t.Error("Find finds the wrong ones")
	}
	if !Accepts("br, gzip ,upper", "gzip") || Accepts("br,identity", "gzip") || Accepts("", "gzip") {
		t.Error("Accepts reads grpc-accept-encoding wrongly")
	}
	own := renamed{Gzip, "gzip"}
	if table := NewTable(own); table.Find("gzip") != own || strings.Count(table.Names(), "gzip") != 1 {
		t.Error("a compressor of one's own does not take gzip's place")
	}
}

func TestChoose(t *testing.T) {
	table := NewTable(Zstd)
	for _, c := range []struct {
		preferences, accepted string
		want                  Compressor
	}{
		{"zstd,gzip", "gzip,zstd", Zstd},
		{"gzip, zstd", "gzip, zstd", Gzip},
		{"zstd,gzip", "br,gzip,identity", Gzip},
		{"zstd,gzip", "identity", nil},
		{"zstd,gzip", "", nil},
		{"zstd,identity,gzip", "gzip", nil},
		{"br,gzip", "br,gzip", Gzip},
		{"identity", "gzip", nil},
		{"", "gzip", nil},
	} {
		if got := table.Choose(c.preferences, c.accepted); got != c.want {
			t.Errorf("of %q, with a peer that accepts %q: %v", c.preferences, c.accepted, got)
		}
	}
	if err := table.Check("zstd, identity,gzip"); err != nil {
		t.Error(err)
	}
	if err := table.Check(""); err != nil {
		t.Error(err)
	}
	if err := table.Check("gzip,snappy"); err == nil || !strings.Contains(err.Error(), `"snappy" is not known: there are zstd,gzip,identity`) {
		t.Errorf("an unknown name: %v", err)
	}
}

func FuzzDecompress(f *testing.F) {
	for _, c := range []Compressor{Gzip, Zstd} {
		f.Add(c == Zstd, compressed(f, c, []byte("hello")))
		f.Add(c == Zstd, streamed(f, c, make([]byte, 1000)))
		f.Add(c == Zstd, compressed(f, c, nil))
	}
	f.Add(false, []byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, ofZstd bool, data []byte) {
		c := Gzip
		if ofZstd {
			c = Zstd
		}
		got, err := c.Decompress(nil, data, 10_000)
		if err == nil && len(got) > 10_000 || err != nil && len(got) > 0 || cap(got) > 20_000+2*zstdSlack {
			t.Errorf("%d bytes of %d, %v", len(got), cap(got), err)
		}
	})
}

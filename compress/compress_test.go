// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	small, err := Gzip.Compress([]byte("prefix"), data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(small, []byte("prefix")) {
		t.Fatal("what dst held is gone")
	}
	return small[len("prefix"):]
}

func TestThereAndBack(t *testing.T) {
	var wait sync.WaitGroup
	for _, size := range []int{0, 1, 511, 512, 513, 100_000, 5 << 20} {
		wait.Go(func() {
			data := bytes.Repeat([]byte("farcall "), size/8+1)[:size]
			small := compressed(t, data)
			got, err := Gzip.Decompress([]byte("prefix"), small, size)
			if err != nil || string(got) != "prefix"+string(data) {
				t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
			}
		})
	}
	wait.Wait()
}

func TestTheStandardLibraryReadsAndWritesTheSame(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	reader, err := gzip.NewReader(bytes.NewReader(compressed(t, data)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the standard library read %d bytes, %v", len(got), err)
	}
	var theirs bytes.Buffer
	writer := gzip.NewWriter(&theirs)
	writer.Write(data)
	writer.Close()
	if got, err := Gzip.Decompress(nil, theirs.Bytes(), -1); err != nil || !bytes.Equal(got, data) {
		t.Errorf("we read %d bytes, %v", len(got), err)
	}
}

func TestABombMeetsItsLimit(t *testing.T) {
	bomb := compressed(t, make([]byte, 64<<20))
	dst := make([]byte, 0, 16)
	got, err := Gzip.Decompress(dst, bomb, 1<<20)
	if !errors.Is(err, ErrTooLarge) || len(got) != 0 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if cap(got) > 4<<20 {
		t.Errorf("%d bytes were held for a limit of %d", cap(got), 1<<20)
	}
	exact := compressed(t, make([]byte, 1000))
	if _, err := Gzip.Decompress(nil, exact, 1000); err != nil {
		t.Errorf("a message of exactly the limit: %v", err)
	}
	if _, err := Gzip.Decompress(nil, exact, 999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a message one byte above the limit: %v", err)
	}
}

func TestBrokenDataIsAnError(t *testing.T) {
	whole := compressed(t, []byte("hello, hello, hello"))
	for n := range whole {
		if _, err := Gzip.Decompress(nil, whole[:n], -1); err == nil {
			t.Errorf("the first %d of %d bytes passed for a whole message", n, len(whole))
		}
	}
	for i := range whole[10:] {
		broken := bytes.Clone(whole)
		broken[10+i] ^= 0x55
		if got, err := Gzip.Decompress(nil, broken, 1000); err == nil && string(got) != "hello, hello, hello" {
			t.Errorf("byte %d was changed, and nobody noticed", 10+i)
		}
	}
}

type upper struct{ Compressor }

func (upper) Name() string { return "upper" }

func TestTable(t *testing.T) {
	table := NewTable(upper{}, nil)
	if table.Names() != "upper,gzip,identity" {
		t.Errorf("names %q", table.Names())
	}
	if table.Find("gzip") != Gzip || table.Find("identity") != nil || table.Find("") != nil {
		t.Error("Find finds the wrong ones")
	}
	if !Accepts("br, gzip ,upper", "gzip") || Accepts("br,identity", "gzip") || Accepts("", "gzip") {
		t.Error("Accepts reads grpc-accept-encoding wrongly")
	}
	if own := NewTable(renamed{}); own.Find("gzip") == Gzip || strings.Count(own.Names(), "gzip") != 1 {
		t.Error("a compressor of one's own does not take gzip's place")
	}
}

type renamed struct{ Compressor }

func (renamed) Name() string { return "gzip" }

func FuzzDecompress(f *testing.F) {
	f.Add(compressed(f, []byte("hello")))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Gzip.Decompress(nil, data, 10_000)
		if err == nil && len(got) > 10_000 || err != nil && len(got) > 0 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

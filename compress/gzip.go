// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
)

// Gzip is the compressor that every gRPC knows (RFC 1952).
var Gzip Compressor = &gzipCompressor{}

// gzipCompressor keeps writers and readers, whose tables are large, for the next message.
type gzipCompressor struct {
	writers sync.Pool // of *gzipWriter
	readers sync.Pool // of *gzipReader

	streamReaders sync.Pool // of *gzipTables
}

func (g *gzipCompressor) Name() string { return "gzip" }

func (g *gzipCompressor) Compress(dst, data []byte) ([]byte, error) {
	out := &appender{dst}
	writer, ok := g.writers.Get().(*gzipWriter)
	if !ok {
		var err error
		if writer, err = newGzipWriter(out); err != nil {
			return dst, fmt.Errorf("gzip: %w", err)
		}
	} else {
		writer.Reset(out)
	}
	defer func() {
		writer.Reset(nil) // what it wrote to is the caller's
		g.writers.Put(writer)
	}()
	if _, err := writer.Write(data); err != nil {
		return dst, fmt.Errorf("gzip: %w", err)
	}
	if err := writer.Close(); err != nil {
		return dst, fmt.Errorf("gzip: %w", err)
	}
	return out.bytes, nil
}

func (g *gzipCompressor) Decompress(dst, data []byte, limit int) ([]byte, error) {
	in := bytes.NewReader(data)
	reader, ok := g.readers.Get().(*gzipReader)
	if !ok {
		reader = new(gzipReader)
	}
	defer func() {
		in.Reset(nil) // reader, which keeps in, must not keep the caller's bytes
		g.readers.Put(reader)
	}()
	if err := reader.Reset(in); err != nil {
		return dst, fmt.Errorf("gzip: %w", noEOF(err))
	}
	return readWithin(dst, reader, limit)
}

// readWithin appends all that reader has, at most limit bytes, to dst. The buffer doubles, so that it is never much
// larger than what was read.
func readWithin(dst []byte, reader io.Reader, limit int) ([]byte, error) {
	start := len(dst)
	for turn := start + turnBytes; ; {
		if len(dst) >= turn {
			turn = len(dst) + turnBytes
			runtime.Gosched()
		}
		dst = slices.Grow(dst, 512)
		room := dst[len(dst):cap(dst)]
		if limit >= 0 {
			room = room[:min(len(room), start+limit+1-len(dst))] // one byte more, to see that there is more
		}
		n, err := reader.Read(room)
		dst = dst[:len(dst)+n]
		if limit >= 0 && len(dst)-start > limit {
			return dst[:start], ErrTooLarge
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst[:start], fmt.Errorf("gzip: %w", err)
		}
	}
}

// turnBytes is what is decompressed until others have their turn: about half a millisecond's work.
const turnBytes = 256 << 10

// noEOF makes the end of empty data an error that nobody takes for a proper end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appender is an io.Writer onto a slice.
type appender struct{ bytes []byte }

func (a *appender) Write(b []byte) (int, error) {
	a.bytes = append(a.bytes, b...)
	return len(b), nil
}

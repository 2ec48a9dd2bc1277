// SPDX-License-Identifier: Apache-2.0

// Package compress is gzip behind an interface of two methods, pooled, with limits.
//
// A Compressor is named by grpc-encoding. Clients and servers hold a list of those they know; gzip is always in it.
package compress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Compressor compresses whole messages. It is safe for concurrent use.
type Compressor interface {
	// Name is what grpc-encoding calls it: "gzip".
	Name() string
	// Compress appends data, compressed, to dst.
	Compress(dst, data []byte) ([]byte, error)
	// Decompress appends what data was before it was compressed to dst. It stops with ErrTooLarge when that is more than
	// limit bytes, having held no more than that; a negative limit is none.
	Decompress(dst, data []byte, limit int) ([]byte, error)
}

// ErrTooLarge is what Decompress returns for data that would be longer than its limit.
var ErrTooLarge = errors.New("the message is larger than its limit once it is decompressed")

// Table is the compressors that an end knows.
type Table struct {
	known []Compressor
	names string
}

// NewTable returns a Table of gzip and more. A later one of the same name takes the place of an earlier one.
func NewTable(more ...Compressor) *Table {
	t := &Table{}
	for _, compressor := range slices.Backward(append([]Compressor{Gzip}, more...)) {
		if compressor != nil && t.Find(compressor.Name()) == nil {
			t.known = append(t.known, compressor)
		}
	}
	names := make([]string, 0, len(t.known)+1)
	for _, compressor := range t.known {
		names = append(names, compressor.Name())
	}
	t.names = strings.Join(append(names, "identity"), ",")
	return t
}

// Find returns the compressor of a name, nil if there is none. "identity" and "" have none.
func (t *Table) Find(name string) Compressor {
	for _, compressor := range t.known {
		if compressor.Name() == name {
			return compressor
		}
	}
	return nil
}

// Names returns the value of grpc-accept-encoding: "gzip,identity".
func (t *Table) Names() string { return t.names }

// Accepts reports whether a grpc-accept-encoding names a compressor.
func Accepts(accepted, name string) bool {
	for each := range strings.SplitSeq(accepted, ",") {
		if strings.TrimSpace(each) == name {
			return true
		}
	}
	return false
}

// Gzip is the compressor that every gRPC knows (RFC 1952).
var Gzip Compressor = &gzipCompressor{}

// gzipCompressor keeps writers and readers, whose tables are large, for the next message.
type gzipCompressor struct {
	writers sync.Pool // of *gzip.Writer
	readers sync.Pool // of *gzip.Reader
}

func (g *gzipCompressor) Name() string { return "gzip" }

func (g *gzipCompressor) Compress(dst, data []byte) ([]byte, error) {
	out := &appender{dst}
	writer, ok := g.writers.Get().(*gzip.Writer)
	if !ok {
		var err error
		if writer, err = gzip.NewWriterLevel(out, gzip.BestSpeed); err != nil {
			return dst, fmt.Errorf("gzip: %w", err)
		}
	} else {
		writer.Reset(out)
	}
	defer g.writers.Put(writer)
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
	reader, ok := g.readers.Get().(*gzip.Reader)
	if !ok {
		reader = new(gzip.Reader)
	}
	defer g.readers.Put(reader)
	if err := reader.Reset(in); err != nil {
		return dst, fmt.Errorf("gzip: %w", noEOF(err))
	}
	return readWithin(dst, reader, limit)
}

// readWithin appends all that reader has, at most limit bytes, to dst. The buffer doubles, so that it is never much
// larger than what was read.
func readWithin(dst []byte, reader io.Reader, limit int) ([]byte, error) {
	start := len(dst)
	for {
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

// SPDX-License-Identifier: Apache-2.0

package compress

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Streamer is a Compressor for data that comes, or goes, in parts. Gzip and Zstd are.
type Streamer interface {
	Compressor
	// NewReader returns what reads the data that in has compressed. It waits for no more of in than it needs for the next
	// byte, where the sender has flushed.
	NewReader(in io.Reader) Reader
	// NewWriter returns what compresses onto out.
	NewWriter(out io.Writer) (Writer, error)
}

// Reader reads data that is compressed. One goroutine uses it. Data that is malformed, or ends too early, is an error.
type Reader interface {
	io.Reader
	// Memory returns about how much it holds, as far as it has read.
	Memory() int
	// Close gives the tables back.
	Close()
}

// Writer compresses what it is given. One goroutine uses it.
type Writer interface {
	io.Writer
	// Flush writes all that a receiver needs to read what has been written so far.
	Flush() error
	// Memory returns about how much it holds.
	Memory() int
	// Close writes the end, and gives the tables back.
	Close() error
}

// What readers and writers hold, as TestMemoryOfStreams measures it. A zstd reader holds the frame's window besides.
const (
	gzipReaderBytes = 64 << 10
	gzipWriterBytes = 1 << 20
	zstdReaderBytes = 640 << 10
	zstdWriterBytes = 1 << 20
)

const (
	// zstdMaxWindow is the largest that HTTP has (RFC 9659).
	zstdMaxWindow = 8 << 20
	// zstdLeastWindow is what a reader is reckoned with at least, so that small frames may be followed by larger ones. The
	// memory of larger ones is not kept for the next body.
	zstdLeastWindow = 1 << 20
	// zstdStreamWindow is ours for streams: they live long, and many at a time.
	zstdStreamWindow = 128 << 10
)

// nothing has ended.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

// gzipStreamReader reads members one by one: a reader of them all would wait for the beginning of the next before it hands out
// the last of one.
type gzipStreamReader struct {
	of       *gzipCompressor
	in       io.Reader
	tables   *gzipTables // nil before the first Read, and behind Close
	inMember bool
}

type gzipTables struct {
	in     bufio.Reader
	reader gzipReader
}

func (g *gzipCompressor) NewReader(in io.Reader) Reader { return &gzipStreamReader{of: g, in: in} }

func (r *gzipStreamReader) Memory() int { return gzipReaderBytes }

func (r *gzipStreamReader) Read(p []byte) (int, error) {
	first := r.tables == nil
	if first {
		var ok bool
		if r.tables, ok = r.of.streamReaders.Get().(*gzipTables); !ok {
			r.tables = new(gzipTables)
		}
		r.tables.in.Reset(r.in)
	}
	for {
		if !r.inMember {
			switch err := r.tables.reader.Reset(&r.tables.in); {
			case err == io.EOF && !first:
				return 0, io.EOF
			case err != nil:
				return 0, fmt.Errorf("gzip: %w", noEOF(err))
			}
			r.tables.reader.Multistream(false)
			r.inMember = true
		}
		n, err := r.tables.reader.Read(p)
		if err == io.EOF {
			r.inMember, first, err = false, false, nil
		}
		if err != nil {
			return n, fmt.Errorf("gzip: %w", err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

func (r *gzipStreamReader) Close() {
	if r.tables != nil {
		r.tables.in.Reset(nothing{}) // in is the caller's
		r.of.streamReaders.Put(r.tables)
		r.tables, r.in = nil, nothing{}
	}
}

type gzipStreamWriter struct {
	*gzipWriter
	of *gzipCompressor
}

func (g *gzipCompressor) NewWriter(out io.Writer) (Writer, error) {
	writer, ok := g.writers.Get().(*gzipWriter)
	if !ok {
		var err error
		if writer, err = newGzipWriter(out); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
	} else {
		writer.Reset(out)
	}
	return &gzipStreamWriter{writer, g}, nil
}

func (w *gzipStreamWriter) Memory() int { return gzipWriterBytes }

func (w *gzipStreamWriter) Close() error {
	err := w.gzipWriter.Close()
	w.gzipWriter.Reset(nil)
	w.of.writers.Put(w.gzipWriter)
	w.gzipWriter = nil
	return err
}

// zstdStreamReader looks at the header of the first frame before the decoder does: what that announces is what the decoder
// will take, and no later frame may ask for more.
type zstdStreamReader struct {
	of      *zstdCompressor
	in      io.Reader
	decoder *zstd.Decoder // nil before the first Read
	window  int
}

func (z *zstdCompressor) NewReader(in io.Reader) Reader { return &zstdStreamReader{of: z, in: in} }

func (r *zstdStreamReader) Memory() int { return zstdReaderBytes + r.window }

func (r *zstdStreamReader) Read(p []byte) (int, error) {
	if r.decoder == nil {
		if err := r.begin(); err != nil {
			return 0, fmt.Errorf("zstd: %w", noEOF(err))
		}
	}
	n, err := r.decoder.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("zstd: %w", err)
	}
	return n, err
}

func (r *zstdStreamReader) begin() error {
	head := make([]byte, 0, zstd.HeaderMaxSize)
	var header zstd.Header
	for {
		n, err := io.ReadFull(r.in, head[len(head):len(head)+1])
		if head = head[:len(head)+n]; err != nil {
			return err
		}
		if err = header.Decode(head); err == nil {
			break
		} else if err != io.ErrUnexpectedEOF || len(head) == cap(head) {
			return err
		}
	}
	window := header.WindowSize
	switch {
	case header.Skippable: // nobody knows what follows
		window = zstdMaxWindow
	case header.SingleSegment:
		window = header.FrameContentSize
	}
	if window > zstdMaxWindow {
		return zstd.ErrWindowSizeExceeded
	}
	r.window = max(int(window), zstdLeastWindow)
	decoder, ok := r.of.streamDecoders.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err != nil {
			return err
		}
	}
	r.decoder = decoder
	return decoder.ResetWithOptions(io.MultiReader(bytes.NewReader(head), r.in), zstd.WithDecoderMaxWindow(uint64(r.window)))
}

func (r *zstdStreamReader) Close() {
	if r.decoder == nil {
		return
	}
	if r.decoder.Reset(nothing{}) == nil && r.window <= zstdLeastWindow {
		r.of.streamDecoders.Put(r.decoder)
	}
	r.decoder, r.in = nil, nothing{}
}

type zstdStreamWriter struct {
	*zstd.Encoder
	of *zstdCompressor
}

func (z *zstdCompressor) NewWriter(out io.Writer) (Writer, error) {
	encoder, ok := z.streamEncoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		encoder, err = zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(zstdStreamWindow), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
	} else {
		encoder.Reset(out)
	}
	return &zstdStreamWriter{encoder, z}, nil
}

func (w *zstdStreamWriter) Memory() int { return zstdWriterBytes }

func (w *zstdStreamWriter) Close() error {
	err := w.Encoder.Close()
	w.Encoder.Reset(io.Discard)
	w.of.streamEncoders.Put(w.Encoder)
	w.Encoder = nil
	return err
}

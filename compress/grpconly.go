// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package compress

import (
	"compress/gzip"
	"io"
)

// alwaysKnown leaves Zstd to those who name it in a program that was built with the tag farcall_grpconly: to name it here is
// to link it. Gzip is that of the standard library there, which protobuf links in part.
func alwaysKnown() []Compressor { return []Compressor{Gzip} }

type (
	gzipWriter = gzip.Writer
	gzipReader = gzip.Reader
)

func newGzipWriter(out io.Writer) (*gzipWriter, error) {
	return gzip.NewWriterLevel(out, gzip.BestSpeed)
}

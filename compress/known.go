// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package compress

import (
	"io"

	"github.com/klauspost/compress/gzip"
)

// alwaysKnown is what every Table has, the preferred last.
func alwaysKnown() []Compressor { return []Compressor{Zstd, Gzip} }

type (
	gzipWriter = gzip.Writer
	gzipReader = gzip.Reader
)

func newGzipWriter(out io.Writer) (*gzipWriter, error) {
	return gzip.NewWriterLevel(out, gzip.BestSpeed)
}

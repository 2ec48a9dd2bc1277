// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"strings"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
)

// defaultMinCompressBytes is the size from which answers are compressed unless Options say otherwise.
const defaultMinCompressBytes = 1 << 10

// decompressor returns what reads a body of the request's content-encoding: nil for one that is not compressed.
func (c *call) decompressor() (compress.Compressor, *refusal) {
	coding := strings.ToLower(strings.TrimSpace(c.headers.contentEncoding))
	switch coding {
	case "", compress.Identity:
		return nil, nil
	case "x-gzip": // RFC 9110 section 8.4.1.3
		coding = compress.Gzip.Name()
	}
	found := c.router.options.Compressors.Find(coding)
	if found == nil {
		return nil, c.refuseEncoding(c.router.options.Compressors.Names())
	}
	return found, nil
}

// refuseEncoding is the refusal of the request's content-encoding; accepted are the codings that will do.
func (c *call) refuseEncoding(accepted string) *refusal {
	refused := refuse(415, farcall.InvalidArgument, "the content-encoding %q cannot be read: there is %s",
		clip(c.headers.contentEncoding), strings.ReplaceAll(accepted, ",", ", "))
	refused.fields = []exchange.Field{{Name: "accept-encoding", Value: accepted}} // RFC 9110 section 12.5.3
	return refused
}

// decompress returns what body was before it was compressed, at most limit bytes.
func decompress(with compress.Compressor, body []byte, limit int) ([]byte, error) {
	whole, err := with.Decompress(nil, body, limit)
	switch {
	case errors.Is(err, compress.ErrTooLarge):
		return nil, refuse(413, farcall.ResourceExhausted, "the body is larger than the %d bytes that are accepted here once it is decompressed", limit)
	case err != nil:
		return nil, refuse(400, farcall.InvalidArgument, "the body is not what its content-encoding says: %w", err)
	}
	return whole, nil
}

// compressor returns what an answer is compressed with, nil for nothing: by Options.Compression what the request was, or
// the one of several to which the client gives the highest weight, the first of those with the same.
func (c *call) compressor() compress.Compressor {
	accepted, wanted := c.headers.acceptEncoding, c.router.options.Compression
	if accepted == "" {
		return nil
	}
	if wanted == "" {
		wanted = c.headers.contentEncoding
	}
	best, chosen := weightOf(compress.Identity, accepted, matchNamed)-1, compress.Compressor(nil) // with the same weight it loses
	for name := range strings.SplitSeq(wanted, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == compress.Identity {
			break
		}
		if known := c.router.options.Compressors.Find(name); known != nil {
			if weight := weightOf(name, accepted, matchCoding); weight > max(best, 0) {
				best, chosen = weight, known
			}
		}
	}
	return chosen
}

// compress replaces an answer's body by a compressed one where that is wanted and worth it, and returns the name of the
// coding then.
func (c *call) compress(body *buffer.Buffer) (*buffer.Buffer, string) {
	if len(body.B) < c.router.options.MinCompressBytes || c.offer.format == formatBytes { // which may be compressed already
		return body, ""
	}
	with := c.compressor()
	if with == nil {
		return body, ""
	}
	small := buffer.Get(len(body.B) / 2)
	var err error
	if small.B, err = with.Compress(small.B, body.B); err != nil || len(small.B) >= len(body.B) {
		small.Free()
		return body, ""
	}
	body.Free()
	return small, with.Name()
}

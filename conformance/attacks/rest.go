// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"slices"
	"strings"
	"sync"

	"github.com/farcall/farcall/compress"
)

// heldCompressed is what compressed streams may hold together by docs/security.md, and as much again for what the garbage
// collector has not taken yet.
const heldCompressed = 2 * 256 << 20

// settleRoute is where REST takes the records of Settle, one in a line of JSON.
const settleRoute = "/v1/settlements"

// Streams over REST may be compressed as a whole, in gzip or zstd, and are decompressed as they come. What these attacks must
// show is what all must: no call of the well-behaved client is lost or late, and the server's memory stays within bounds. So
// a bomb ends by what it has become for what came of it, before it is large; what never ends has its turns like any other
// stream, and nothing that is held grows with it; and frames, of compression or of HTTP/2, that carry next to nothing cost
// no more than their bytes are worth.
var restStreams = family{"compressed streams of REST", []attack{
	{
		name: "rest-bomb", about: "streams of lines by REST that are 1 MiB of gzip, and 1 GiB of empty lines once they are decompressed", least: 10,
		only:    []string{farcallSystem.name},
		prepare: func() { lineBomb() },
		talk:    restBodies("gzip", func() []byte { return lineBomb() }),
	},
	{
		name: "rest-bomb-zstd", variant: true, about: "the same in zstd, of which it takes 128 KiB", least: 10, grows: heldCompressed,
		only:    []string{farcallSystem.name},
		prepare: func() { zstdLineBomb() },
		talk:    restBodies("zstd", func() []byte { return zstdLineBomb() }),
	},
	{
		name: "rest-bomb-line", variant: true, about: "the same in gzip, as a single line", least: 10, grows: heldCompressed,
		only:    []string{farcallSystem.name},
		prepare: func() { bomb() },
		talk:    restBodies("gzip", func() []byte { return bomb()[prefixBytes:] }),
	},
	{
		name: "rest-endless", about: "a stream by REST in gzip that never ends, of messages without fields", least: 10,
		only: []string{farcallSystem.name},
		talk: restEndless("gzip", 16<<10, func() []byte { return gzipHead }, endlessLines),
	},
	{
		name: "rest-endless-line", variant: true, about: "the same of white space in one line, which is no message yet", least: 10, grows: heldCompressed,
		only: []string{farcallSystem.name},
		talk: restEndless("gzip", 16<<10, func() []byte { return gzipHead }, endlessSpace),
	},
	{
		name: "rest-endless-zstd", variant: true, about: "the same in zstd, a frame for two thousand messages", least: 10,
		only: []string{farcallSystem.name},
		talk: restEndless("zstd", 16<<10, func() []byte { return nil }, sync.OnceValue(func() []byte {
			frame, err := compress.Zstd.Compress(nil, manyLines("{}\n"))
			must(err)
			return frame
		})),
	},
	{
		name: "rest-tiny-members", about: "a stream by REST in gzip that never ends, an empty line in each of its members", least: 10,
		only: []string{farcallSystem.name},
		talk: restEndless("gzip", 16<<10, func() []byte { return nil }, tinyMembers),
	},
	{
		name: "rest-tiny-frames", variant: true, about: "the same in zstd, an empty line in each of its frames",
		only: []string{farcallSystem.name},
		talk: restEndless("zstd", 16<<10, func() []byte { return nil }, tinyFrames),
	},
	{
		name: "rest-dribbled", variant: true, about: "a stream by REST in gzip, a byte in each frame of HTTP/2",
		only: []string{farcallSystem.name},
		talk: restEndless("gzip", 1, func() []byte { return gzipHead }, endlessLines),
	},
}}

// beginREST opens a stream of lines that is compressed.
func (p *polite) beginREST(coding string) uint32 {
	return p.beginAs("application/x-ndjson", settleRoute, "content-encoding", coding)
}

// restBodies makes calls one after the other, with the same body.
func restBodies(coding string, body func() []byte) func(p *polite) error {
	return answered(func(p *polite) error { return p.sendAll(p.beginREST(coding), body()) })
}

// answered is again, with room for the bodies of any number of answers.
func answered(call func(p *polite) error) func(p *polite) error {
	return func(p *polite) error {
		p.windowUpdate(0, 1<<30)
		return again(call)(p)
	}
}

// restEndless sends a beginning and then the same again and again, in frames of at most so many bytes, until the server
// ends the stream. Then it begins another.
func restEndless(coding string, most int, begin, more func() []byte) func(p *polite) error {
	return answered(func(p *polite) error {
		id := p.beginREST(coding)
		piece := more()
		piece = bytes.Repeat(piece, max(1, batchBytes/len(piece)))
		for body := begin(); ; body = piece {
			if err := p.send(id, body, most); err != nil {
				return err
			}
		}
	})
}

// gzipHead begins a member (RFC 1952 section 2.3).
var gzipHead = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

func manyLines(line string) []byte { return []byte(strings.Repeat(line, 2000)) }

// deflated is text in blocks that refer to nothing before them and do not end the stream, so that they can be sent again.
func deflated(text []byte) []byte {
	var out bytes.Buffer
	writer, err := flate.NewWriter(&out, flate.BestCompression)
	must(err)
	_, err = writer.Write(text)
	must(err)
	must(writer.Flush())
	return out.Bytes()
}

var (
	endlessLines = sync.OnceValue(func() []byte { return deflated(manyLines("{}\n")) })
	endlessSpace = sync.OnceValue(func() []byte { return deflated(manyLines("   ")) })
)

// gzipMember is text as a whole member.
func gzipMember(text []byte) []byte {
	var out bytes.Buffer
	writer, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	must(err)
	_, err = writer.Write(text)
	must(err)
	must(writer.Close())
	return out.Bytes()
}

var tinyMembers = sync.OnceValue(func() []byte { return gzipMember([]byte("\n")) })

// tinyFrames is a frame of one raw block of one byte (RFC 8878 section 3.1.1).
func tinyFrames() []byte {
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 1<<3 | 1, 0, 0, '\n'}
}

// lineBomb is what bomb is, of empty lines, and without a prefix.
var lineBomb = sync.OnceValue(func() []byte {
	const members = 1024
	return bytes.Repeat(gzipMember(bytes.Repeat([]byte{'\n'}, 1<<30/members)), members)
})

// zstdLineBomb is the same in zstd.
var zstdLineBomb = sync.OnceValue(func() []byte {
	const frames = 1024
	one, err := compress.Zstd.Compress(nil, bytes.Repeat([]byte{'\n'}, 1<<30/frames))
	must(err)
	return slices.Repeat(one, frames)
})

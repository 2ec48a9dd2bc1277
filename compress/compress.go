// SPDX-License-Identifier: Apache-2.0

// Package compress is gzip and zstd behind an interface of two methods, pooled, with limits.
//
// A Compressor is named by grpc-encoding. Clients and servers hold a Table of those they know; gzip and zstd are in it
// without being named.
package compress

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Compressor compresses whole messages. It is safe for concurrent use.
type Compressor interface {
	// Name is what grpc-encoding calls it: "gzip".
	Name() string
	// Compress appends data, compressed, to dst.
	Compress(dst, data []byte) ([]byte, error)
	// Decompress appends what data was before it was compressed to dst. It stops with ErrTooLarge when that is more than
	// limit bytes, having held little more than twice that; a negative limit is none.
	Decompress(dst, data []byte, limit int) ([]byte, error)
}

// ErrTooLarge is what Decompress returns for data that would be longer than its limit.
var ErrTooLarge = errors.New("the message is larger than its limit once it is decompressed")

// Identity is the name of no compression.
const Identity = "identity"

// Table is the compressors that an end knows.
type Table struct {
	known []Compressor
	names string
}

// NewTable returns a Table of gzip, zstd and more. A later one of the same name takes the place of an earlier one. With the
// build tag farcall_grpconly zstd is in it only if it is among more: the binary has none otherwise.
func NewTable(more ...Compressor) *Table {
	if len(more) == 0 {
		return plainTable()
	}
	return newTable(more)
}

// plainTable is shared: a Table does not change.
var plainTable = sync.OnceValue(func() *Table { return newTable(nil) })

func newTable(more []Compressor) *Table {
	t := &Table{}
	for _, compressor := range slices.Backward(append(alwaysKnown(), more...)) {
		if compressor != nil && t.Find(compressor.Name()) == nil {
			t.known = append(t.known, compressor)
		}
	}
	names := make([]string, 0, len(t.known)+1)
	for _, compressor := range t.known {
		names = append(names, compressor.Name())
	}
	t.names = strings.Join(append(names, Identity), ",")
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

// Names returns the value of grpc-accept-encoding: "gzip,zstd,identity".
func (t *Table) Names() string { return t.names }

// Check returns an error unless preferences, names with commas between them, are all known or "identity".
func (t *Table) Check(preferences string) error {
	for name := range each(preferences) {
		if name != Identity && t.Find(name) == nil {
			return fmt.Errorf("the compression %q is not known: there are %s, and those in Options.Compressors", name, t.names)
		}
	}
	return nil
}

// Choose returns the first of preferences, names with commas between them, that is known and that accepted, the peer's
// grpc-accept-encoding, has too. It is nil for none, and for "identity".
func (t *Table) Choose(preferences, accepted string) Compressor {
	for name := range each(preferences) {
		if name == Identity {
			return nil
		}
		if known := t.Find(name); known != nil && Accepts(accepted, name) {
			return known
		}
	}
	return nil
}

// Accepts reports whether a grpc-accept-encoding names a compressor.
func Accepts(accepted, name string) bool {
	for other := range each(accepted) {
		if other == name {
			return true
		}
	}
	return false
}

// each yields the names in a list with commas between them.
func each(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" && !yield(name) {
				return
			}
		}
	}
}

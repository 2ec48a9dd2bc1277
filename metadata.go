// SPDX-License-Identifier: Apache-2.0

package farcall

import (
	"iter"
	"slices"
	"strings"
)

// Metadata is the headers or trailers of a call: keys with values, in order, a key as often as it was added. The zero
// value is empty and ready.
//
// Keys are lower case. The value of a key that ends in "-bin" is any bytes and crosses the wire in base64; any other
// value is printable ASCII (0x20 to 0x7e), without spaces at its ends. A call with anything else fails with INTERNAL
// before it is sent. Keys that start with "grpc-" and those of HTTP itself (content-type, te, …) belong to the protocol
// and are refused the same way, except those that the application hands on in every language: grpc-trace-bin,
// grpc-tags-bin, grpc-previous-rpc-attempts and grpc-retry-pushback-ms.
//
// What a peer sends in a field that does not fit these rules is left out of what is received. On the way the values of one
// key keep their order; different keys may change theirs.
//
// What NewMetadata, Clone and Join return, and what the library hands out, may be copied by assignment: changing one copy
// leaves the others as they were. A Metadata that Add or Grow has changed shares its spare room with copies made of it
// later, so Clone it instead. It is not safe for concurrent change.
type Metadata struct {
	entries []metadataEntry
}

type metadataEntry struct{ key, value string }

// NewMetadata returns metadata of key, value, key, value. An odd last key has an empty value.
func NewMetadata(pairs ...string) Metadata {
	if len(pairs) == 0 {
		return Metadata{}
	}
	entries := make([]metadataEntry, 0, (len(pairs)+1)/2)
	for i := 0; i < len(pairs); i += 2 {
		value := ""
		if i+1 < len(pairs) {
			value = pairs[i+1]
		}
		entries = append(entries, metadataEntry{strings.ToLower(pairs[i]), value})
	}
	return Metadata{entries}
}

// Add appends a value for key, which is put in lower case.
func (m *Metadata) Add(key, value string) {
	m.entries = append(m.entries, metadataEntry{strings.ToLower(key), value})
}

// Set replaces all values of key by one, which goes last.
func (m *Metadata) Set(key, value string) {
	m.Delete(key)
	m.Add(key, value)
}

// Delete removes all values of key.
func (m *Metadata) Delete(key string) {
	key = strings.ToLower(key)
	has := func(e metadataEntry) bool { return e.key == key }
	if !slices.ContainsFunc(m.entries, has) {
		return
	}
	// In entries of its own: copies of m, such as the other calls of one context, keep theirs.
	m.entries = slices.Clip(slices.DeleteFunc(slices.Clone(m.entries), has))
}

// Get returns the first value of key, "" if there is none.
func (m Metadata) Get(key string) string {
	key = strings.ToLower(key)
	for _, e := range m.entries {
		if e.key == key {
			return e.value
		}
	}
	return ""
}

// Values returns all values of key in their order.
func (m Metadata) Values(key string) []string {
	key = strings.ToLower(key)
	var values []string
	for _, e := range m.entries {
		if e.key == key {
			values = append(values, e.value)
		}
	}
	return values
}

// All ranges over every key and value in their order.
func (m Metadata) All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for _, e := range m.entries {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Len returns the number of values.
func (m Metadata) Len() int { return len(m.entries) }

// Clone returns metadata that shares nothing with m.
func (m Metadata) Clone() Metadata { return m.Join(Metadata{}) }

// Join returns the entries of m followed by those of more, in entries of its own.
func (m Metadata) Join(more Metadata) Metadata {
	total := len(m.entries) + len(more.entries)
	if total == 0 {
		return Metadata{}
	}
	// No spare room, so that an Add to a copy never writes where another copy reads.
	entries := make([]metadataEntry, 0, total)
	return Metadata{append(append(entries, m.entries...), more.entries...)}
}

// Grow makes room for n more values.
func (m *Metadata) Grow(n int) {
	total := len(m.entries) + n
	if total <= cap(m.entries) {
		return
	}
	if total > exactEntries {
		m.entries = slices.Grow(m.entries, n)
		return
	}
	// No more than is asked for: whoever reads a call's metadata knows how much there is, and every call has its own.
	entries := make([]metadataEntry, len(m.entries), total)
	copy(entries, m.entries)
	m.entries = entries
}

// exactEntries is up to how many values Grow makes room for no more: beyond it, one value at a time must not cost as much as
// all.
const exactEntries = 64

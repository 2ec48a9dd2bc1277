// SPDX-License-Identifier: Apache-2.0

package hpack

import "math/bits"

// table is the dynamic table of a Decoder (RFC 7541 section 2.3.2): a ring of entries, the oldest at front.
type table struct {
	ring  []entry // its length is a power of two, or 0
	front int
	count int
	bytes int
	limit int // of bytes

	// generation moves whenever an index may have got another meaning.
	generation uint64
}

// at returns the entry with index i of the dynamic table, 1 for the newest. i must be 1 to count.
func (t *table) at(i int) *entry {
	return &t.ring[(t.front+t.count-i)&(len(t.ring)-1)]
}

// insert adds e and evicts what has no room beside it, which may be everything and e itself (RFC 7541 section 4.4).
func (t *table) insert(e entry) {
	t.generation++
	size := fieldBytes(e.name, e.value)
	t.evict(t.limit - size)
	if size > t.limit {
		return
	}
	if t.count == len(t.ring) {
		t.grow()
	}
	t.ring[(t.front+t.count)&(len(t.ring)-1)] = e
	t.count++
	t.bytes += size
}

// setLimit changes the size that the table may have.
func (t *table) setLimit(limit int) {
	t.generation++
	t.limit = limit
	t.evict(limit)
}

// evict removes the oldest entries until the table is no larger than limit, or empty.
func (t *table) evict(limit int) {
	for t.count > 0 && t.bytes > limit {
		oldest := &t.ring[t.front]
		t.bytes -= fieldBytes(oldest.name, oldest.value)
		*oldest = entry{} // the ring holds on to no text that has left the table
		t.front = (t.front + 1) & (len(t.ring) - 1)
		t.count--
	}
}

func (t *table) grow() { t.resize(max(8, 2*len(t.ring))) }

// trim makes the ring as small as its entries allow.
func (t *table) trim() {
	if t.count == 0 {
		t.ring = nil
	} else if size := 1 << bits.Len(uint(t.count-1)); size < len(t.ring) {
		t.resize(size)
	}
}

func (t *table) resize(size int) {
	ring := make([]entry, size)
	for i := range t.count {
		ring[i] = *t.at(t.count - i)
	}
	t.ring, t.front = ring, 0
}

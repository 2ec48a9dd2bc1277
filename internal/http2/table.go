// SPDX-License-Identifier: Apache-2.0

package http2

import "iter"

// A table finds a connection's open streams by their identifiers. A call is looked up half a dozen times, and a map hashes
// each time; identifiers come in order, and most streams end in about that order, so an identifier's last bits are as good as
// a hash, and what they point to is nearly always free. The few that find it taken go to a map.
type table struct {
	slots []*stream // one for identifier/2, modulo their number, which is a power of two
	rest  map[uint32]*stream
	count int
}

const (
	leastSlots = 16
	mostSlots  = 2048 // with more streams than half of it, more of them find theirs taken
)

// slot is for a table that has some.
func (t *table) slot(id uint32) **stream { return &t.slots[int(id>>1)&(len(t.slots)-1)] }

// get returns the stream with that identifier, nil if there is none.
func (t *table) get(id uint32) *stream {
	if len(t.slots) == 0 {
		return nil
	}
	if s := *t.slot(id); s != nil && s.id == id {
		return s
	}
	return t.rest[id]
}

// has reports whether s is in the table.
func (t *table) has(s *stream) bool {
	return len(t.slots) > 0 && (*t.slot(s.id) == s || t.rest[s.id] == s)
}

func (t *table) len() int { return t.count }

// put adds a stream whose identifier no other in the table has.
func (t *table) put(s *stream) {
	if t.count++; 2*t.count > len(t.slots) && len(t.slots) < mostSlots {
		t.grow()
	}
	if at := t.slot(s.id); *at == nil {
		*at = s
		return
	}
	if t.rest == nil {
		t.rest = make(map[uint32]*stream)
	}
	t.rest[s.id] = s
}

// grow doubles the slots. No two streams of different slots get the same.
func (t *table) grow() {
	old := t.slots
	t.slots = make([]*stream, max(leastSlots, 2*len(old)))
	for _, s := range old {
		if s != nil {
			*t.slot(s.id) = s
		}
	}
}

// remove takes s out, if it is there.
func (t *table) remove(s *stream) {
	if len(t.slots) == 0 {
		return
	}
	if at := t.slot(s.id); *at == s {
		*at = nil
		t.count--
	} else if t.rest[s.id] == s {
		delete(t.rest, s.id)
		t.count--
	}
}

// all yields every stream, in no order. They may be removed meanwhile.
func (t *table) all() iter.Seq[*stream] {
	return func(yield func(*stream) bool) {
		for _, s := range t.slots {
			if s != nil && !yield(s) {
				return
			}
		}
		for _, s := range t.rest {
			if !yield(s) {
				return
			}
		}
	}
}

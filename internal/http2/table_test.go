// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// TestTable compares a table with a map: identifiers that come in order and go at random, with jumps between them, so that some
// streams stay for long and others find their slots taken.
func TestTable(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		var tested table
		model := map[uint32]*stream{}
		next, most := uint32(1), 1+random.IntN(3*mostSlots)
		for range 20_000 {
			switch {
			case len(model) < most && random.IntN(2) == 0:
				s := &stream{id: next}
				tested.put(s)
				model[next] = s
				if next += 2; random.IntN(10) == 0 {
					next += 2 * uint32(random.IntN(2*mostSlots))
				}
			case random.IntN(4) == 0: // one that is not there
				tested.remove(&stream{id: random.Uint32N(next)})
			default:
				for id, s := range model { // any
					tested.remove(s)
					delete(model, id)
					break
				}
			}
			id := random.Uint32N(next + 2)
			if got := tested.get(id); got != model[id] {
				t.Fatalf("seed %d: stream %d is %p, want %p", seed, id, got, model[id])
			}
			if tested.has(&stream{id: id}) {
				t.Fatalf("seed %d: the table has a stream %d that was never put there", seed, id)
			}
			if s := model[id]; s != nil && !tested.has(s) {
				t.Fatalf("seed %d: the table does not have stream %d", seed, id)
			}
			if tested.len() != len(model) {
				t.Fatalf("seed %d: %d streams, want %d", seed, tested.len(), len(model))
			}
		}
		seen := map[uint32]*stream{}
		for s := range tested.all() {
			seen[s.id] = s
		}
		if !maps.Equal(seen, model) {
			t.Fatalf("seed %d: all yields %d streams, want %d", seed, len(seen), len(model))
		}
		for s := range tested.all() {
			tested.remove(s)
		}
		if tested.len() != 0 {
			t.Fatalf("seed %d: %d streams are left of those that were removed while all yielded them", seed, tested.len())
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"cmp"
	"slices"
)

// Keys returns the keys of a map in descending order, in which they are written back to front.
func Keys[K cmp.Ordered, V any](entries map[K]V) []K {
	keys := make([]K, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b K) int { return cmp.Compare(b, a) })
	return keys
}

// BoolKeys is Keys for a map with the keys true and false.
func BoolKeys[V any](entries map[bool]V) []bool {
	keys := make([]bool, 0, 2)
	for _, key := range []bool{true, false} {
		if _, ok := entries[key]; ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// mostEntries is the largest map that is made before its entries are decoded: one key may have all of them.
const mostEntries = 1024

// Entries returns for how many entries of a map there should be room: those in a row from i on, where the first one's tag
// begins.
func (d *Decoder) Entries(i, end int) int {
	count, _ := d.run(i, end)
	return min(count, mostEntries)
}

// SPDX-License-Identifier: Apache-2.0

package hpack

import "github.com/farcall/farcall/internal/exchange"

// Bounds of the memory that a Decoder has for runs: at most 64 of them, of 2 to 32 fields each. Text is shared with
// the tables as they are, so that a full memory takes less than 100 KiB whatever the peer sends.
const (
	maxRuns       = 64
	minRunFields  = 2
	maxRunFields  = 32
	trialLookups  = 128  // after so many lookups the memory is judged:
	trialHits     = 16   // with fewer hits than this
	restingBlocks = 1024 // it is left alone for so many blocks
)

// memo remembers what leading runs of indexed fields mean. Indexed fields do not change the table, so the same bytes
// mean the same for as long as the table stays the same: every insertion, eviction and size update ends what is known.
type memo struct {
	runs       map[string]run
	generation uint64 // of the table that runs is about

	lookups, hits int // since the memory was last judged
	resting       int // blocks to go before the memory is used again
}

// run is a remembered run.
type run struct {
	fixed     *exchange.Fixed
	listBytes int // its part of the header list's size
}

// leadingRun returns the size of the run of indexed fields at the front of block, and how many fields it has. Fields
// beyond maxRunFields, and one whose index takes more than two bytes, do not belong to it.
func leadingRun(block []byte) (bytes, fields int) {
	for bytes < len(block) && block[bytes]&indexed != 0 && fields < maxRunFields {
		if block[bytes] == 0xff {
			if bytes+1 >= len(block) || block[bytes+1]&0x80 != 0 {
				break
			}
			bytes++
		}
		bytes++
		fields++
	}
	return bytes, fields
}

// awake reports whether the memory is in use for the next block, and counts the blocks that it rests.
func (m *memo) awake() bool {
	if m.resting > 0 {
		m.resting--
		return false
	}
	return true
}

// find returns the run that key means in the table's generation. The zero run is none.
func (m *memo) find(key []byte, generation uint64) run {
	if m.generation != generation {
		clear(m.runs)
		m.generation = generation
	}
	found := m.runs[string(key)]
	if found.fixed != nil {
		m.hits++
	}
	m.lookups++
	if m.lookups == trialLookups {
		if m.hits < trialHits {
			m.resting = restingBlocks
			m.runs = nil
		}
		m.lookups, m.hits = 0, 0
	}
	return found
}

// remember keeps what key means. A full memory starts over.
func (m *memo) remember(key []byte, fields []exchange.Field) *exchange.Fixed {
	if m.runs == nil {
		m.runs = make(map[string]run)
	}
	if len(m.runs) == maxRuns {
		clear(m.runs)
	}
	fixed := &exchange.Fixed{Fields: append(make([]exchange.Field, 0, len(fields)), fields...)}
	listBytes := 0
	for i := range fields {
		listBytes += fieldBytes(fields[i].Name, fields[i].Value)
	}
	m.runs[string(key)] = run{fixed, listBytes}
	return fixed
}

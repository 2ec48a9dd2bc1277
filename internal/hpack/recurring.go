// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"hash/maphash"

	"github.com/farcall/farcall/internal/exchange"
)

// Varying fields of which some do not vary: a call's metadata has the caller's name and version in it beside the request's
// id, and trailers mostly say that all is well. Nobody tells which is which, so the Encoder finds out: a field enters the
// table when it has come with the same value a few times in a row. One whose value is another each time enters the table for
// its name's sake. Nothing of this costs room that fixed runs would need, and secrets (exchange.Field.Sensitive) never enter
// it. As with any header compression, who may choose some of a client's metadata and sees how long its packets are can find
// out that a whole value is the one that others send (RFC 7541 section 7.1.3), but not a part of one.

// recurring notes what came lately, as hashes: it holds on to nobody's text.
type recurring struct {
	seen  *[recurringSets][recurringWays]sighting // made with the first varying field
	bytes int                                     // of the table that recurring fields have taken
}

// sighting is a name that came as a literal.
type sighting struct {
	name, value uint32 // hashes
	same        uint8  // how often in a row its value has come
	others      uint8  // how often another value has come
}

const (
	recurringSets  = 8
	recurringWays  = 4
	sameAgain      = 6   // a value that comes so often in a row enters the table
	otherAgain     = 24  // and a name that comes so often with other values
	longestEntry   = 256 // bytes of a field that enters the table
	recurringShare = 2   // the part of the table that is for them: a half
)

var hashSeed = maphash.MakeSeed()

// recurs notes that f comes as a literal, and reports whether it is to enter the table. named says that its name is there.
func (e *Encoder) recurs(f *exchange.Field, named bool) bool {
	r := &e.recurring
	size := fieldBytes(f.Name, f.Value)
	if size > longestEntry || r.bytes+size > e.limit/recurringShare || size > e.limit-e.bytes {
		return false
	}
	if r.seen == nil {
		r.seen = new([recurringSets][recurringWays]sighting)
	}
	name, value := maphash.String(hashSeed, f.Name), uint32(maphash.String(hashSeed, f.Value))
	seen := findSighting(&r.seen[name%recurringSets], uint32(name>>32))
	switch {
	case seen.value == value:
		seen.same++
	default:
		seen.value, seen.same = value, 1
		if !named {
			seen.others++
		}
	}
	if seen.same < sameAgain && seen.others < otherAgain {
		return false
	}
	*seen = sighting{}
	r.bytes += size
	return true
}

// findSighting returns the sighting of a name, in the place of another if need be.
func findSighting(set *[recurringWays]sighting, name uint32) *sighting {
	rarest := &set[0]
	for i := range set {
		if set[i].name == name {
			return &set[i]
		}
		if set[i].same+set[i].others < rarest.same+rarest.others {
			rarest = &set[i]
		}
	}
	*rarest = sighting{name: name}
	return rarest
}

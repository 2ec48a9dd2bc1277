// SPDX-License-Identifier: Apache-2.0

package hpack

import (
	"runtime"

	"github.com/farcall/farcall/internal/exchange"
)

// A header list costs by its fields, and a block of two kilobytes may have two thousand of them. A hundred connections that
// send such blocks would keep every processor busy with growing lists, while everybody else's small ones wait behind them.
// So large lists are decoded a few at a time, in working space that the next one uses again; small ones never wait.

// largeList is the right to decode a large list, and the space for it.
type largeList struct{ fields []exchange.Field }

// largeLists has one for each processor but one, which is left to the others.
var largeLists = func() chan *largeList {
	turns := make(chan *largeList, max(1, runtime.GOMAXPROCS(0)-1))
	for range cap(turns) {
		turns <- &largeList{}
	}
	return turns
}()

// maxLargeFields is the largest working space that is kept: twice what the default limit of a list allows.
const maxLargeFields = 4096

// enterLarge waits until it is the Decoder's turn, and moves its work to the larger space. Whoever has the turn computes
// and waits for nothing, so that it comes.
func (d *Decoder) enterLarge() {
	if d.large != nil {
		return
	}
	d.large = <-largeLists
	d.fields = append(d.large.fields, d.fields...)
}

// leaveLarge gives the turn back, with the space, which is empty.
func (d *Decoder) leaveLarge() {
	if cap(d.fields) <= maxLargeFields {
		d.large.fields = d.fields
	}
	largeLists <- d.large
	d.large, d.fields = nil, nil
}

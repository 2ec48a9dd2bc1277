// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// flooding handlers of streams send, and receive, for as long as they are let. flowing counts those at work.
type flooding struct {
	handlers
	message *rulespb.Item
	flowing atomic.Int32
}

func (f *flooding) List(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		f.flowing.Add(1)
		defer f.flowing.Add(-1)
		for yield(f.message, nil) {
		}
	}
}

func (f *flooding) Collect(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
	f.flowing.Add(1)
	defer f.flowing.Add(-1)
	for _, err := range in {
		if err != nil {
			return nil, err
		}
	}
	<-ctx.Done() // an input that has ended is no reason to answer
	return nil, ctx.Err()
}

func (f *flooding) Talk(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		f.flowing.Add(1)
		defer f.flowing.Add(-1)
		for _, err := range in {
			for range 10 {
				if err != nil || !yield(f.message, nil) {
					return
				}
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
)

// counter is a plain implementation, written as a user would: it knows nothing of modes.
type counter struct{ rulespb.UnimplementedRules }

// fault returns the error that a number asks for.
func fault(number int64) error {
	switch number {
	case -1:
		return farcall.NotFound
	case -2:
		return farcall.Errorf(farcall.Aborted, "busy")
	case -3:
		return fmt.Errorf("reading: %w", farcall.Errorf(farcall.DataLoss, "gone"))
	case -4:
		return errors.New("foreign")
	case -5:
		return context.Canceled
	case -6:
		return context.DeadlineExceeded
	case -7:
		return farcall.OK
	case -8:
		return farcall.Errorf(farcall.Aborted, "again: %w", farcall.NotFound)
	case -9:
		return farcall.Code(17)
	case -10:
		return farcall.Errorf(farcall.Code(99), "odd")
	}
	return nil
}

var faults = map[int64]farcall.Code{
	-1: farcall.NotFound, -2: farcall.Aborted, -3: farcall.DataLoss, -4: farcall.Unknown,
	-5: farcall.Canceled, -6: farcall.DeadlineExceeded, -7: farcall.Internal, -8: farcall.Aborted,
	-9: farcall.Unknown, -10: farcall.Unknown,
}

func (counter) Get(_ context.Context, request *rulespb.Item) (*rulespb.Item, error) {
	if err := fault(request.GetNumber()); err != nil {
		return nil, err
	}
	return item(request.GetNumber() + 1), nil
}

// List counts to the request's text's length, then fails as its number asks.
func (counter) List(_ context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for i := range request.GetText() {
			if !yield(item(int64(i)), nil) {
				return
			}
		}
		if err := fault(request.GetNumber()); err != nil {
			yield(nil, err)
		}
	}
}

// Collect adds up. A negative number ends it.
func (counter) Collect(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
	sum := int64(0)
	for message, err := range in {
		if err != nil {
			return nil, err
		}
		if err := fault(message.GetNumber()); err != nil {
			return nil, err
		}
		sum += message.GetNumber()
	}
	return item(sum), nil
}

// Talk answers each number with its double. A negative number ends it.
func (counter) Talk(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for message, err := range in {
			if err == nil {
				err = fault(message.GetNumber())
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(item(2*message.GetNumber()), nil) {
				return
			}
		}
	}
}

// The same results and the same codes in every mode, for all four kinds.
func TestEveryModeGivesTheSame(t *testing.T) {
	everywhere(t, func(t *testing.T, m mode) {
		rules := m.start(t, counter{}, settings{})
		ctx := t.Context()
		get := func(number int64) outcome {
			message, err := rules.Get(ctx, item(number))
			return one(t, message, err)
		}
		collect := func(in iter.Seq2[*rulespb.Item, error]) outcome {
			message, err := rules.Collect(ctx, in)
			return one(t, message, err)
		}
		get(41).want(t, farcall.OK, 42)
		all(t, rules.List(ctx, &rulespb.Item{Text: "abc"})).want(t, farcall.OK, 0, 1, 2)
		all(t, rules.List(ctx, &rulespb.Item{})).want(t, farcall.OK)
		collect(items(nil, 1, 2, 3)).want(t, farcall.OK, 6)
		collect(items(nil)).want(t, farcall.OK, 0)
		all(t, rules.Talk(ctx, items(nil, 1, 2, 3))).want(t, farcall.OK, 2, 4, 6)
		all(t, rules.Talk(ctx, items(nil))).want(t, farcall.OK)

		for number, code := range faults {
			get(number).want(t, code)
			all(t, rules.List(ctx, &rulespb.Item{Number: number})).want(t, code)
			all(t, rules.List(ctx, &rulespb.Item{Number: number, Text: "ab"})).want(t, code, 0, 1)
			collect(items(nil, number)).want(t, code)
			collect(items(nil, 5, number, 6)).want(t, code)
			all(t, rules.Talk(ctx, items(nil, number))).want(t, code)
			// Whether what was answered before the end of a two-way call is seen does not depend on the mode.
			all(t, rules.Talk(ctx, items(nil, 5, number))).want(t, code, 10)
		}
		for _, failure := range []error{farcall.Errorf(farcall.OutOfRange, "no more"), farcall.ResourceExhausted} {
			collect(items(failure, 1)).want(t, farcall.CodeOf(failure))
			got := all(t, rules.Talk(ctx, items(failure)))
			got.want(t, farcall.CodeOf(failure))
			if !errors.Is(got.err, failure) {
				t.Errorf("%v does not wrap %v", got.err, failure)
			}
		}
	})
}

// A large message crosses in every mode and kind, and a receiver may keep and change what it got.
func TestMessagesBelongToTheirReceiver(t *testing.T) {
	everywhere(t, func(t *testing.T, m mode) {
		rules := m.start(t, counter{}, settings{})
		sent := make([]*rulespb.Item, 0, 20)
		in := func(yield func(*rulespb.Item, error) bool) {
			for i := range 20 {
				message := &rulespb.Item{Number: int64(i), Payload: make([]byte, 200_000)}
				sent = append(sent, message)
				if !yield(message, nil) {
					return
				}
			}
		}
		var kept []*rulespb.Item
		for message, err := range rules.Talk(t.Context(), in) {
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, message)
		}
		if len(kept) != 20 {
			t.Fatalf("%d messages came back, want 20", len(kept))
		}
		for i, message := range kept {
			if message.GetNumber() != int64(2*i) {
				t.Errorf("message %d holds %d", i, message.GetNumber())
			}
		}
		for i, message := range sent { // written to by nobody
			if message.GetNumber() != int64(i) || len(message.GetPayload()) != 200_000 {
				t.Errorf("message %d was changed on its way", i)
			}
		}
	})
}

// difference is one line of the documented list of what the bare struct does differently: true where it does.
type difference struct {
	name  string
	check func(t *testing.T, m mode) bool
}

var differences = []difference{
	{"no metadata: the caller's own incoming call stays visible", seesCallersCall},
	{"no interceptors", skipsInterceptors},
	{"no limits", skipsLimits},
	{"no panic guard", panicsThrough},
	{"no message copy", sharesMessages},
	{"raw errors", returnsRawErrors},
	{"the handler's body starts at the call", startsAtTheCall},
	{"a second range runs it again", runsAgain},
	{"input and output run on one goroutine", sharesTheGoroutine},
}

// The bare struct differs in exactly what docs/streams.md lists: each difference is there on the bare struct, and nowhere
// else.
func TestTheBareStructDiffersAsDocumented(t *testing.T) {
	documentation, err := os.ReadFile("../../docs/streams.md")
	if err != nil {
		t.Fatal(err)
	}
	_, documentation, _ = bytes.Cut(documentation, []byte("The differences are:\n"))
	if listed := bytes.Count(documentation, []byte("\n- ")); listed != len(differences) {
		t.Errorf("%d differences are documented, and %d tested", listed, len(differences))
	}
	for _, d := range differences {
		if !bytes.Contains(documentation, []byte("\n- "+d.name)) {
			t.Errorf("this difference is not documented: %s", d.name)
		}
		t.Run(d.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, m mode) {
				if got := d.check(t, m); got != m.bare {
					t.Errorf("%s: %v, want %v", d.name, got, m.bare)
				}
			})
		})
	}
}

// seesCallersCall makes a call from inside a handler, and reports whether the inner handler finds the outer one's call.
func seesCallersCall(t *testing.T, m mode) bool {
	var outer *farcall.Call
	same, key := false, ""
	inner := m.start(t, &service{get: func(ctx context.Context, _ *rulespb.Item) (*rulespb.Item, error) {
		incoming := farcall.IncomingCall(ctx)
		same = incoming == outer
		key = incoming.RequestHeader().Get("x-key")
		return item(1), nil
	}}, settings{})
	front := modes[0].start(t, &service{get: func(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) {
		outer = farcall.IncomingCall(ctx)
		return inner.Get(farcall.WithMetadata(ctx, "x-key", "inner"), request)
	}}, settings{})
	if _, err := front.Get(farcall.WithMetadata(t.Context(), "x-key", "outer"), item(0)); err != nil {
		t.Fatal(err)
	}
	if (key == "outer") != same {
		t.Errorf("the handler sees the caller's call: %v, and the metadata of the %s call", same, key)
	}
	return same
}

func skipsInterceptors(t *testing.T, m mode) bool {
	ran := false
	var with settings
	with.server.Interceptors = []farcall.Interceptor{func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
		ran = true
		return next(ctx, stream)
	}}
	if _, err := m.start(t, counter{}, with).Get(t.Context(), item(1)); err != nil {
		t.Fatal(err)
	}
	return !ran
}

func skipsLimits(t *testing.T, m mode) bool {
	var with settings
	with.server.MaxReceiveBytes = 1000
	rules := m.start(t, counter{}, with)
	large := &rulespb.Item{Payload: make([]byte, 2000)}
	in := func(yield func(*rulespb.Item, error) bool) { yield(large, nil) }
	_, getErr := rules.Get(t.Context(), large)
	_, collectErr := rules.Collect(t.Context(), in)
	codes := map[farcall.Code]bool{
		farcall.CodeOf(getErr): true, farcall.CodeOf(collectErr): true,
		farcall.CodeOf(all(t, rules.List(t.Context(), large)).err): true,
		farcall.CodeOf(all(t, rules.Talk(t.Context(), in)).err):    true,
	}
	if len(codes) != 1 || !codes[farcall.OK] && !codes[farcall.ResourceExhausted] {
		t.Errorf("the kinds do not agree on the limit: %v", codes)
	}
	return codes[farcall.OK]
}

func panicsThrough(t *testing.T, m mode) (panicked bool) {
	rules := m.start(t, &service{
		list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
			return func(yield func(*rulespb.Item, error) bool) {
				yield(item(1), nil)
				panic("in the handler")
			}
		},
	}, settings{})
	defer func() { panicked = recover() != nil }()
	all(t, rules.List(t.Context(), item(0))).want(t, farcall.Internal, 1)
	return false
}

func sharesMessages(t *testing.T, m mode) bool {
	answer := item(7)
	rules := m.start(t, &service{
		get: func(_ context.Context, request *rulespb.Item) (*rulespb.Item, error) {
			request.Number = 99
			return answer, nil
		},
		talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
			return func(yield func(*rulespb.Item, error) bool) {
				for message, err := range in {
					if err != nil {
						return
					}
					message.Number = 99
					yield(answer, nil)
				}
			}
		},
	}, settings{})
	request := item(1)
	response, err := rules.Get(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	shared := response == answer
	if (request.GetNumber() == 99) != shared {
		t.Errorf("the response is shared: %v, the request holds %d", shared, request.GetNumber())
	}
	sent := item(1)
	for response, err := range rules.Talk(t.Context(), func(yield func(*rulespb.Item, error) bool) { yield(sent, nil) }) {
		if err != nil || (response == answer) != shared {
			t.Errorf("two-way: %v, %v; unary shares: %v", response, err, shared)
		}
	}
	if (sent.GetNumber() == 99) != shared {
		t.Errorf("two-way: the request holds %d; unary shares: %v", sent.GetNumber(), shared)
	}
	return shared
}

func returnsRawErrors(t *testing.T, m mode) bool {
	cause := errors.New("cause")
	rules := m.start(t, &service{
		get: func(context.Context, *rulespb.Item) (*rulespb.Item, error) { return nil, cause },
		list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
			return items(cause)
		},
		collect: func(context.Context, iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) { return nil, cause },
		talk: func(context.Context, iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
			return items(cause)
		},
	}, settings{})
	_, getErr := rules.Get(t.Context(), item(0))
	_, collectErr := rules.Collect(t.Context(), items(nil))
	raw := getErr == cause
	for _, err := range []error{getErr, collectErr, all(t, rules.List(t.Context(), item(0))).err, all(t, rules.Talk(t.Context(), items(nil))).err} {
		if (err == cause) != raw || errors.Is(err, cause) != raw || farcall.CodeOf(err) != farcall.Unknown {
			t.Errorf("the error is %#v, and the first is raw: %v", err, raw)
		}
	}
	return raw
}

func startsAtTheCall(t *testing.T, m mode) bool {
	started := make(chan struct{}, 1)
	rules := m.start(t, &service{
		list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
			started <- struct{}{}
			return items(nil)
		},
	}, settings{})
	result := rules.List(t.Context(), item(0))
	early := len(started) == 1 // over a wire it would take a moment, but nothing has been sent that could ever arrive
	all(t, result).want(t, farcall.OK)
	if len(started) != 1 {
		t.Errorf("the handler has run %d times", len(started))
	}
	return early
}

func runsAgain(t *testing.T, m mode) bool {
	rules := m.start(t, counter{}, settings{})
	again := 0
	for _, result := range []iter.Seq2[*rulespb.Item, error]{
		rules.List(t.Context(), &rulespb.Item{Text: "ab"}), rules.Talk(t.Context(), items(nil, 0)),
	} {
		all(t, result)
		if second := all(t, result); second.err == nil {
			again++
		} else {
			second.want(t, farcall.FailedPrecondition)
		}
	}
	if again == 1 {
		t.Error("server streaming and two-way do not agree")
	}
	return again == 2
}

// sharesTheGoroutine has an input that waits for the output before it goes on: a conversation, which the bare struct
// cannot have with its own loop.
func sharesTheGoroutine(t *testing.T, m mode) bool {
	rules := m.start(t, counter{}, settings{})
	answered := make(chan struct{}, 1)
	stopped := false
	in := func(yield func(*rulespb.Item, error) bool) {
		if !yield(item(1), nil) {
			return
		}
		if m.bare { // the loop's body has run, on this goroutine, inside yield
			stopped = len(answered) == 1
			return
		}
		await(t, answered, "the answer")
		yield(item(2), nil)
	}
	for _, err := range rules.Talk(t.Context(), in) {
		if err != nil {
			t.Fatal(err)
		}
		answered <- struct{}{}
	}
	return stopped
}

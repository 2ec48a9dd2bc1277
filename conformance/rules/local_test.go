// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"io"
	"iter"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// What could not cross a wire does not cross in one process either, for the same reason.
func TestWhatCannotCross(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		wrong := &rulespb.Item{Text: "\xff"} // no UTF-8
		rules := m.start(t, echo(), settings{})
		_, err := rules.Get(t.Context(), wrong)
		wantCode(t, err, farcall.Internal)
		wantCode(t, all(t, rules.List(t.Context(), wrong)).err, farcall.Internal)
		in := func(yield func(*rulespb.Item, error) bool) { _ = yield(item(1), nil) && yield(wrong, nil) }
		_, err = rules.Collect(t.Context(), in)
		wantCode(t, err, farcall.Internal)
		wantCode(t, all(t, rules.Talk(t.Context(), in)).err, farcall.Internal)

		answers := func() iter.Seq2[*rulespb.Item, error] {
			return func(yield func(*rulespb.Item, error) bool) { yield(wrong, nil) }
		}
		answering := m.start(t, &service{
			get:  func(context.Context, *rulespb.Item) (*rulespb.Item, error) { return wrong, nil },
			list: func(context.Context, *rulespb.Item) iter.Seq2[*rulespb.Item, error] { return answers() },
			collect: func(context.Context, iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
				return wrong, nil
			},
			talk: func(context.Context, iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return answers()
			},
		}, settings{})
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			wantCode(t, kind(t.Context(), answering), farcall.Internal)
		})
		large := farcall.WithMetadata(t.Context(), "x-large", strings.Repeat("x", 64<<10))
		each(t, func(t *testing.T, kind func(context.Context, rulespb.Rules) error) {
			wantCode(t, kind(large, rules), farcall.ResourceExhausted)
			wantCode(t, kind(farcall.WithMetadata(t.Context(), "x-line", "a\nb"), rules), farcall.Internal)
		})
	})
}

// A handler of another kind than the caller's method, as where the ends were generated from different .proto files, or of
// methods that nobody has registered: too many and too few messages are found on both ways.
func TestEndsThatDisagreeOnTheKind(t *testing.T) {
	answer := func(times int) farcall.Handler {
		return func(_ context.Context, stream farcall.Stream) error {
			for {
				switch err := stream.Receive(new(rulespb.Item)); err {
				case nil:
					continue
				case io.EOF:
				default:
					return err
				}
				break
			}
			for range times {
				if err := stream.Send(item(1)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	called(t, func(t *testing.T, m mode) {
		for _, times := range []int{0, 1, 2} {
			var with settings
			with.server.Unknown = answer(times)
			rules := m.startWith(t, func(*server.Server) {}, with)
			for name, kind := range kinds {
				code := farcall.Code(farcall.OK)
				if times != 1 && (name == "get" || name == "collect") {
					code = farcall.Unimplemented
				}
				if got := farcall.CodeOf(kind(t.Context(), rules)); got != code {
					t.Errorf("%s of %d answers: %v, want %v", name, times, got, code)
				}
			}
		}
		// A caller that streams, and a handler that takes one message.
		path := rulespb.RulesGetMethod.Path
		streams := &farcall.Method{Path: path, Kind: farcall.KindClientStream, NewRequest: rulespb.RulesGetMethod.NewRequest, NewResponse: rulespb.RulesGetMethod.NewResponse}
		rules := m.start(t, echo(), settings{})
		for messages, code := range map[int]farcall.Code{0: farcall.Unimplemented, 1: farcall.OK, 2: farcall.Unimplemented} {
			err := rules.via.Stream(t.Context(), streams, func(_ context.Context, stream farcall.Stream) error {
				for range messages {
					if err := stream.Send(item(1)); err != nil && err != io.EOF {
						return err
					}
				}
				if err := stream.CloseSend(); err != nil && err != io.EOF {
					return err
				}
				return stream.Receive(new(rulespb.Item))
			})
			if farcall.CodeOf(err) != code {
				t.Errorf("%d messages where one is taken: %v, want %v", messages, err, code)
			}
		}
	})
}

// With ShareLocalMessages what is inside of messages is the same on both ends, and a copy without; nothing is lost.
func TestSharedMessages(t *testing.T) {
	local := modes[2]
	for _, shares := range []bool{false, true} {
		var with settings
		with.server.ShareLocalMessages = shares
		seen := make(chan *rulespb.Item, 1)
		see := func(message *rulespb.Item) *rulespb.Item { seen <- message; return message }
		through := func(in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
			return func(yield func(*rulespb.Item, error) bool) {
				for message, err := range in {
					if err != nil || !yield(see(message), nil) {
						return
					}
				}
			}
		}
		rules := local.start(t, &service{
			get: func(_ context.Context, request *rulespb.Item) (*rulespb.Item, error) { return see(request), nil },
			list: func(_ context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
				return func(yield func(*rulespb.Item, error) bool) { yield(see(request), nil) }
			},
			collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (last *rulespb.Item, err error) {
				for last, err = range through(in) {
					if err != nil {
						return nil, err
					}
				}
				return last, nil
			},
			talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
				return through(in)
			},
		}, with)
		sent := &rulespb.Item{Number: 7, Text: "text", Payload: []byte("payload")}
		sent.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
		in := func(yield func(*rulespb.Item, error) bool) { yield(sent, nil) }
		last := func(result iter.Seq2[*rulespb.Item, error]) (last *rulespb.Item, err error) {
			for message, failure := range result {
				last, err = message, failure
			}
			return last, err
		}
		for name, call := range map[string]func() (*rulespb.Item, error){
			"get":     func() (*rulespb.Item, error) { return rules.Get(t.Context(), sent) },
			"list":    func() (*rulespb.Item, error) { return last(rules.List(t.Context(), sent)) },
			"collect": func() (*rulespb.Item, error) { return rules.Collect(t.Context(), in) },
			"talk":    func() (*rulespb.Item, error) { return last(rules.Talk(t.Context(), in)) },
		} {
			got, err := call()
			if err != nil {
				t.Fatal(name, err)
			}
			there := await(t, seen, "the handler")
			for end, message := range map[string]*rulespb.Item{"handler": there, "caller": got} {
				if message == sent || !proto.Equal(message, sent) {
					t.Errorf("%s: the %s got %v", name, end, message)
				}
				if same := &message.GetPayload()[0] == &sent.GetPayload()[0]; same != shares {
					t.Errorf("%s: the %s shares the payload: %v, want %v", name, end, same, shares)
				}
			}
		}
		// Bytes and messages are each other's, whoever shares.
		var raw farcall.Raw
		encoded, _ := proto.Marshal(sent)
		if err := rules.via.Invoke(t.Context(), rulespb.RulesGetMethod, &farcall.Raw{Data: encoded}, &raw); err != nil || string(raw.Data) != string(encoded) {
			t.Errorf("raw: %x, %v", raw.Data, err)
		}
		<-seen
	}
}

// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// bytesOf returns an encoded message with a field that the type does not know: what passes untouched keeps it.
func bytesOf(t *testing.T, number int64) []byte {
	t.Helper()
	data, err := proto.Marshal(item(number))
	if err != nil {
		t.Fatal(err)
	}
	return protowire.AppendString(protowire.AppendTag(data, 99, protowire.BytesType), "unknown")
}

// Bytes pass untouched in both directions, in the place of typed messages, and each Raw that is sent is released once.
func TestRawAtTheCallersEnd(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		for _, method := range rulesMethods {
			var released atomic.Int32
			want := bytesOf(t, 7)
			err := rules.via.Stream(t.Context(), method, func(_ context.Context, stream farcall.Stream) error {
				if err := stream.Send(&farcall.Raw{Data: bytes.Clone(want), Release: func() { released.Add(1) }}); err != nil {
					return err
				}
				if err := stream.CloseSend(); err != nil {
					return err
				}
				var got farcall.Raw
				if err := stream.Receive(&got); err != nil {
					return err
				}
				defer got.Done()
				if !bytes.Equal(got.Data, want) {
					t.Errorf("%s answered %x, want %x", method, got.Data, want)
				}
				if err := stream.Receive(&farcall.Raw{}); err != io.EOF {
					t.Errorf("%s: behind the last: %v", method, err)
				}
				return nil
			})
			if err != nil || released.Load() != 1 {
				t.Errorf("%s: %v, released %d times", method, err, released.Load())
			}
		}
		var got farcall.Raw
		if err := rules.via.Invoke(t.Context(), rulespb.RulesGetMethod, &farcall.Raw{Data: bytesOf(t, 7)}, &got); err != nil || !bytes.Equal(got.Data, bytesOf(t, 7)) {
			t.Errorf("Invoke: %x, %v", got.Data, err)
		}
	})
}

// A Raw that cannot be sent any more is released as well.
func TestRawOfACallThatHasEnded(t *testing.T) {
	called(t, func(t *testing.T, m mode) {
		rules := m.start(t, echo(), settings{})
		var released atomic.Int32
		raw := func() *farcall.Raw {
			return &farcall.Raw{Data: bytesOf(t, 1), Release: func() { released.Add(1) }}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		sent := int32(0)
		for _, method := range []*farcall.Method{rulespb.RulesListMethod, rulespb.RulesCollectMethod, rulespb.RulesTalkMethod} {
			err := rules.via.Stream(ctx, method, func(_ context.Context, stream farcall.Stream) error {
				for range 2 {
					sent++
					if err := stream.Send(raw()); err == nil {
						t.Errorf("%s: sent, and the context has ended", method)
					}
				}
				return stream.Receive(nil)
			})
			wantCode(t, err, farcall.Canceled)
		}
		sent++
		wantCode(t, rules.via.Invoke(ctx, rulespb.RulesGetMethod, raw(), &farcall.Raw{}), farcall.Canceled)
		if released.Load() != sent {
			t.Errorf("%d of %d were released", released.Load(), sent)
		}
	})
}

// A handler that sees bytes: registered without generated code.
func TestRawAtTheHandlersEnd(t *testing.T) {
	for _, m := range modes {
		if m.bare {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			received := make(chan []byte, 10)
			pass := func(_ context.Context, stream farcall.Stream) error {
				for {
					var message farcall.Raw
					if err := stream.Receive(&message); err == io.EOF {
						return nil
					} else if err != nil {
						return err
					}
					received <- bytes.Clone(message.Data)
					if err := stream.Send(&message); err != nil { // which owns it from here on
						return err
					}
				}
			}
			rules := m.startRaw(t, pass)
			message, err := rules.Get(t.Context(), item(5))
			one(t, message, err).want(t, farcall.OK, 5)
			all(t, rules.List(t.Context(), item(6))).want(t, farcall.OK, 6)
			message, err = rules.Collect(t.Context(), items(nil, 7))
			one(t, message, err).want(t, farcall.OK, 7)
			all(t, rules.Talk(t.Context(), items(nil, 8, 9))).want(t, farcall.OK, 8, 9)
			for number := int64(5); number <= 9; number++ {
				want, _ := proto.Marshal(item(number))
				if got := await(t, received, "a message"); !bytes.Equal(got, want) {
					t.Errorf("the handler received %x, want %x", got, want)
				}
			}
		})
	}
}

// startRaw starts a server whose four methods are the one handler.
func (m mode) startRaw(t *testing.T, handler farcall.Handler) *ends {
	t.Helper()
	return m.startWith(t, func(srv *server.Server) {
		for _, method := range rulesMethods {
			srv.Register(method, handler)
		}
	}, settings{})
}

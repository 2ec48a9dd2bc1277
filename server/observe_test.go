// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// recorder is an Observer and a FrameObserver that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []farcall.Event
	seen   string // what Begin saw of the request
	frames int
	blocks int
	ended  chan struct{} // gets one for each call that has ended
}

func newRecorder() *recorder { return &recorder{ended: make(chan struct{}, 100)} }

type recorderKey struct{}

func (r *recorder) Begin(ctx context.Context, info *farcall.CallInfo) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = farcall.IncomingCall(ctx).RequestHeader().Get("x-trace")
	return context.WithValue(ctx, recorderKey{}, info.Method.Name())
}

func (r *recorder) Event(event farcall.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
	if event.Step == farcall.StepSendResponse && event.Message <= 1 {
		r.ended <- struct{}{}
	}
}

func (r *recorder) Frame(farcall.FrameEvent)             { r.mu.Lock(); r.frames++; r.mu.Unlock() }
func (r *recorder) HeaderBlock(farcall.HeaderBlockEvent) { r.mu.Lock(); r.blocks++; r.mu.Unlock() }

// take returns the steps of the call that has ended, with message and bytes, and forgets them.
func (r *recorder) take() (told []string) {
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	var last time.Time
	for _, event := range r.events {
		text := fmt.Sprintf("%d:%d:%d", event.Step, event.Message, event.Bytes)
		if event.Err != nil {
			text += ":" + farcall.CodeOf(event.Err).String()
		}
		if event.Time.Before(last) || event.Side != farcall.SideServer || event.Attempt != 0 {
			text += " is wrong"
		}
		last = event.Time
		told = append(told, text)
	}
	r.events = nil
	return told
}

func TestObserverSeesTheSteps(t *testing.T) {
	r := newRecorder()
	srv := register(say, farcall.HandleUnary(func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if request.Value == "fail" {
			return nil, farcall.NotFound
		}
		return wrapperspb.String(fmt.Sprint(ctx.Value(recorderKey{}))), nil
	}), server.Options{Observer: r, Frames: r})
	conn := dial(t, run(t, srv))
	ctx := farcall.WithMetadata(t.Context(), "x-trace", "7")

	if got, err := call(ctx, conn, "hello"); err != nil || got != "Say" || r.seen != "7" {
		t.Errorf("got %q, %v; Begin saw %q", got, err, r.seen)
	}
	if got, want := r.take(), []string{"6:1:12", "7:1:7", "8:0:0", "9:0:0", "10:1:5", "11:1:10"}; !slices.Equal(got, want) {
		t.Errorf("a call: %v, want %v", got, want)
	}
	_, _ = call(ctx, conn, "fail")
	if got, want := r.take(), []string{"6:1:11", "7:1:6", "8:0:0", "9:0:0:NOT_FOUND", "11:0:0"}; !slices.Equal(got, want) {
		t.Errorf("a call that fails: %v, want %v", got, want)
	}
	if got, err := call(ctx, srv.Local(), "hello"); err != nil || got != "Say" {
		t.Errorf("local: %q, %v", got, err)
	}
	if got, want := r.take(), []string{"7:1:7", "8:0:0", "9:0:0", "10:1:5", "11:1:0"}; !slices.Equal(got, want) {
		t.Errorf("a local call: %v, want %v", got, want)
	}
	_ = conn.Invoke(ctx, say, &farcall.Raw{Data: []byte{0xff}}, &farcall.Raw{})
	if got := strings.Join(r.take(), " "); !strings.HasPrefix(got, "6:1:6 7:1:1:INTERNAL ") {
		t.Errorf("a call that cannot be decoded: %v", got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frames == 0 || r.blocks == 0 {
		t.Errorf("%d frames and %d header blocks were shown", r.frames, r.blocks)
	}
}

func TestObserverSeesTheMessagesOfStreams(t *testing.T) {
	r := newRecorder()
	conn := raw(t, run(t, register(chat, func(_ context.Context, stream farcall.Stream) error {
		texts, err := receiveAll(stream)
		return errors.Join(err, stream.Send(wrapperspb.String(strings.Join(texts, ""))))
	}, server.Options{Observer: r})))
	if a := ask(t, conn, requestHead(chat.Path), join(message("a"), message("b"))); a.status() != "200 0" {
		t.Fatalf("got %s", a.status())
	}
	<-r.ended // the message's own step 11
	got := r.take()
	want := []string{"8:0:0", "7:1:3", "7:2:3", "10:1:4", "11:1:9", "9:0:0"}
	got = slices.DeleteFunc(got, func(step string) bool { return strings.HasPrefix(step, "6:") })
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("got %v, want %v and the end", got, want)
	}
}

func TestStepTimesAreToldOnRequest(t *testing.T) {
	head := requestHead(say.Path, "farcall-step-times", "1")
	for told, options := range map[bool]server.Options{true: {StepTimes: true}, false: {}} {
		conn := raw(t, runSay(t, options, repeat))
		for request, wanted := range map[string]bool{"asked": told, "not asked": false} {
			asked := head
			if request == "not asked" {
				asked = requestHead(say.Path)
			}
			a := ask(t, conn, asked, message("hello"))
			at := slices.IndexFunc(a.trailers, func(f field) bool { return f.Name == "farcall-step-times" })
			if (at >= 0) != wanted {
				t.Errorf("%s, %v: trailers %v", request, told, a.trailers)
			}
			if at >= 0 && (!strings.HasPrefix(a.trailers[at].Value, "6=0/12,7=") || strings.Count(a.trailers[at].Value, ",") != 5) {
				t.Errorf("step times %s", a.trailers[at].Value)
			}
		}
	}
}

func TestObserverSeesPeersThatGoAway(t *testing.T) {
	r, entered := newRecorder(), make(chan struct{})
	conn := raw(t, runSay(t, server.Options{Observer: r}, func(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	stream, err := conn.Open(t.Context(), requestHead(say.Path), message("x"), true)
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	stream.Reset(frame.Cancel)
	if got := strings.Join(r.take(), " "); !strings.Contains(got, "9:0:0:CANCELLED 11:0:0:") {
		t.Errorf("got %s", got)
	}
}

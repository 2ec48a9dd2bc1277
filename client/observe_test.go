// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/server"
)

// recorder is an Observer and a FrameObserver that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	begun  []farcall.CallInfo
	events []farcall.Event
	frames []string
	blocks []farcall.HeaderBlockEvent
}

func (r *recorder) Begin(ctx context.Context, info *farcall.CallInfo) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = append(r.begun, *info)
	return farcall.WithMetadata(ctx, "x-begun", fmt.Sprint(info.Attempt))
}

func (r *recorder) Event(event farcall.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *recorder) Frame(event farcall.FrameEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, fmt.Sprint(event.Sent, " ", event.Type, " ", event.Stream))
}

func (r *recorder) HeaderBlock(event farcall.HeaderBlockEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	event.Block = nil
	r.blocks = append(r.blocks, event)
}

// steps lists the steps that were seen here, or that the server told.
func (r *recorder) steps(remote bool) (steps []farcall.Step) {
	for _, event := range r.events {
		if event.Remote == remote {
			steps = append(steps, event.Step)
		}
	}
	return steps
}

func TestObserverSeesTheSteps(t *testing.T) {
	r := &recorder{}
	conn := dial(t, serveTCP(t, server.Options{StepTimes: true}, tell), client.Options{Observer: r, StepTimes: true})
	got, err := call(t.Context(), conn, "hello")
	if err != nil || got != "x-begun=0 x-begun=1" {
		t.Fatalf("got %q, %v", got, err)
	}
	if len(r.begun) != 2 || r.begun[0].Attempt != 0 || r.begun[1].Attempt != 1 || r.begun[0].Method != say || r.begun[0].Side != farcall.SideClient {
		t.Errorf("begun %+v", r.begun)
	}
	want := []farcall.Step{farcall.StepEncodeRequest, farcall.StepSendRequest, farcall.StepRequestFrames, farcall.StepReceiveResponse, farcall.StepDecodeResponse}
	if !slices.Equal(r.steps(false), want) {
		t.Errorf("steps here %v", r.steps(false))
	}
	var last time.Time
	bytes := []int{7, 12, 12, 26, 21}
	for i, event := range r.events {
		if event.Remote {
			continue
		}
		if event.Time.Before(last) || event.Attempt != 1 || event.Err != nil {
			t.Errorf("event %d: %+v after %v", i, event, last)
		}
		last = event.Time
		if n := slices.Index(want, event.Step); event.Bytes != bytes[n] {
			t.Errorf("step %d: %d bytes, want %d", event.Step, event.Bytes, bytes[n])
		}
	}
	remote := []farcall.Step{farcall.StepReceiveRequest, farcall.StepDecodeRequest, farcall.StepInvokeHandler,
		farcall.StepHandlerReturns, farcall.StepEncodeResponse, farcall.StepSendResponse}
	if !slices.Equal(r.steps(true), remote) {
		t.Errorf("steps of the server %v", r.steps(true))
	}
	sent, received := r.events[2].Time, r.events[3].Time
	for _, event := range r.events {
		if event.Remote && (event.Time.Before(sent) || event.Time.After(received) || event.Side != farcall.SideServer) {
			t.Errorf("%v at %v, outside of %v to %v", event.Step, event.Time, sent, received)
		}
	}
}

func TestObserverSeesFailuresAndAttempts(t *testing.T) {
	r := &recorder{}
	conn := dial(t, scripted(t, func(stream *http2.ServerStream) { stream.Reset(frame.RefusedStream) }), client.Options{Observer: r})
	_, err := call(t.Context(), conn, "x")
	if len(r.begun) != 3 || r.begun[2].Attempt != 2 {
		t.Errorf("begun %+v", r.begun)
	}
	want := []farcall.Step{farcall.StepEncodeRequest, farcall.StepSendRequest, farcall.StepSendRequest, farcall.StepRequestFrames, farcall.StepDecodeResponse}
	if !slices.Equal(r.steps(false), want) {
		t.Errorf("steps %v, want %v: no answer was received", r.steps(false), want)
	}
	last := r.events[len(r.events)-1]
	if last.Step != farcall.StepDecodeResponse || last.Err != err || err == nil || last.Attempt != 2 {
		t.Errorf("the last event is %+v, the call's error %v", last, err)
	}
	r.events = nil
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = call(late, conn, "x"); len(r.events) != 1 || r.events[0].Step != farcall.StepDecodeResponse || r.events[0].Err != err {
		t.Errorf("a call that was never sent: %+v", r.events)
	}
}

func TestStepTimesNeedTheServersConsent(t *testing.T) {
	r := &recorder{}
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{Observer: r, StepTimes: true})
	if _, err := call(t.Context(), conn, "x"); err != nil {
		t.Fatal(err)
	}
	if steps := r.steps(true); len(steps) != 0 {
		t.Errorf("the server told %v", steps)
	}
}

func TestFramesAreShown(t *testing.T) {
	r := &recorder{}
	conn := dial(t, serveTCP(t, server.Options{}, repeat), client.Options{Frames: r, Authority: "payments.test"})
	if _, err := call(t.Context(), conn, "x"); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var call []string
	for _, shown := range r.frames {
		if strings.HasSuffix(shown, " 1") {
			call = append(call, shown)
		}
	}
	want := []string{"true HEADERS 1", "true DATA 1", "false HEADERS 1", "false DATA 1", "false HEADERS 1"}
	if !slices.Equal(call, want) {
		t.Errorf("frames %q, want %q", call, want)
	}
	if len(r.blocks) != 3 || !r.blocks[0].Sent || r.blocks[0].Local == nil || r.blocks[0].Remote == nil {
		t.Fatalf("blocks %+v", r.blocks)
	}
	if !slices.Contains(r.blocks[0].Fields, farcall.HeaderField{Name: ":authority", Value: "payments.test"}) {
		t.Errorf("the request's fields are %v", r.blocks[0].Fields)
	}
}

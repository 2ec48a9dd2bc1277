// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// webForms is one call that says "x" in each form.
var webForms = []exchanged{
	{name: "Connect", contentType: connectJSON, body: `"x"`, status: 200, answerParts: `"x"`},
	{name: "gRPC-Web", contentType: grpcWeb, body: envelope(0, `"x"`), status: 200, answerParts: envelope(0, `"x"`)},
}

// inWebForms runs a test for each form and version of HTTP.
func inWebForms(t *testing.T, test func(t *testing.T, client *http.Client, c exchanged)) {
	for version, client := range httpVersions(t) {
		for _, c := range webForms {
			t.Run(version+"/"+c.name, func(t *testing.T) { test(t, client, c) })
		}
	}
}

func TestInterceptorsAndStepsOfTheWeb(t *testing.T) {
	inWebForms(t, func(t *testing.T, client *http.Client, c exchanged) {
		r := newRecorder()
		var intercepted atomic.Int32
		address := runSay(t, server.Options{Observer: r, Interceptors: []farcall.Interceptor{
			func(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
				intercepted.Add(1)
				return next(ctx, stream)
			},
		}}, repeat)
		c.headers = "x-trace: 7"
		if response, body := c.send(t, client, "http://"+address); response.StatusCode != c.status || !strings.Contains(body, c.answerParts) {
			t.Errorf("%d %q", response.StatusCode, body)
		}
		want := []string{"6:1:3", "7:1:3", "8:0:0", "9:0:0", "10:1:3", "11:1:8"} // the last behind its prefix, whatever becomes of that
		if got := r.take(); !slices.Equal(got, want) || r.seen != "7" || intercepted.Load() != 1 {
			t.Errorf("steps %v, want %v; metadata %q, intercepted %d times", got, want, r.seen, intercepted.Load())
		}
	})
}

func TestShutdownWaitsForCallsOfTheWeb(t *testing.T) {
	inWebForms(t, func(t *testing.T, client *http.Client, c exchanged) {
		hold := newHolder()
		srv := register(say, farcall.HandleUnary(hold.say), server.Options{})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(listener) }()
		told := make(chan struct{})
		srv.OnShutdown(func() { close(told) })
		answered := make(chan string, 1)
		go func() {
			response, body := c.send(t, client, "http://"+listener.Addr().String())
			answered <- fmt.Sprintf("%d %s", response.StatusCode, body)
		}()
		<-hold.entered
		stopped := make(chan error, 1)
		go func() { stopped <- srv.Shutdown(context.Background()) }()
		<-told
		close(hold.leave)
		if got := <-answered; !strings.HasPrefix(got, "200 ") || !strings.Contains(got, c.answerParts) {
			t.Errorf("the call under way: %q", got)
		}
		client.CloseIdleConnections()
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// A client that goes away ends its handler's context.
func TestClientOfTheWebGoesAway(t *testing.T) {
	inWebForms(t, func(t *testing.T, client *http.Client, c exchanged) {
		entered, ended := make(chan struct{}), make(chan error, 1)
		address := runSay(t, server.Options{}, func(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			close(entered)
			<-ctx.Done()
			ended <- ctx.Err()
			return request, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-entered
			cancel()
		}()
		request, err := http.NewRequestWithContext(ctx, "POST", "http://"+address+say.Path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", c.contentType)
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
			t.Errorf("answered %s", response.Status)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("the handler's context: %v", err)
		}
	})
}

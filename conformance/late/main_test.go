// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen. It is no measure of anything: only a failure takes so long.
const patience = 20 * time.Second

// soon is the deadline of a call that nothing else ends.
const soon = 300 * time.Millisecond

// never is longer than any test.
const never = time.Hour

var quiet = slog.New(slog.DiscardHandler)

// patientClient are a client's options with everything turned off that could end a call but its deadline.
func patientClient() client.Options {
	return client.Options{ConnectTimeout: never, StallTimeout: never, Keepalive: client.Keepalive{Timeout: never}}
}

// security is how the two ends of a test protect their connection: not at all, or by TLS.
type security struct {
	name           string
	client, server *tls.Config
}

// secured runs test without TLS and with it.
func secured(t *testing.T, test func(t *testing.T, s security)) {
	t.Run("h2c", func(t *testing.T) { test(t, security{name: "h2c"}) })
	t.Run("tls", func(t *testing.T) {
		certificate := suites.NewCertificate(t)
		test(t, security{name: "tls",
			client: &tls.Config{RootCAs: certificate.Roots, ServerName: "localhost"},
			server: &tls.Config{Certificates: []tls.Certificate{certificate.Pair}},
		})
	})
}

// dial returns a stub for address.
func (s security) dial(t *testing.T, address string, options client.Options) (rulespb.Rules, *client.Conn) {
	t.Helper()
	options.TLS, options.Plaintext = s.client, s.client == nil
	conn, err := client.New(address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return rulespb.NewRulesStub(conn), conn
}

// serve serves impl until the test is over, on a port of its own unless listener is given.
func (s security) serve(t *testing.T, listener net.Listener, impl rulespb.Rules, options server.Options) (*server.Server, string) {
	t.Helper()
	if listener == nil {
		listener = listen(t)
	}
	options.TLS = s.server
	if options.Logger == nil {
		options.Logger = quiet
	}
	srv := server.New(options)
	rulespb.RegisterRules(srv, impl)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends with Close
	t.Cleanup(func() {
		srv.Close()
		if err := await(t, served, "the end of Serve"); err != nil {
			t.Error(err)
		}
	})
	return srv, listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// await waits for a value that must come.
func await[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("not reached")
	}
}

// until polls for what no signal tells.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// handlers is a Rules whose four methods do the same: what do says, and then give back what they get.
type handlers struct {
	do func(ctx context.Context) error
}

func (h handlers) Get(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) {
	if err := h.do(ctx); err != nil {
		return nil, err
	}
	return request, nil
}

func (h handlers) List(ctx context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) { yield(h.Get(ctx, request)) }
}

func (h handlers) Collect(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (last *rulespb.Item, err error) {
	if err := h.do(ctx); err != nil {
		return nil, err
	}
	for message, err := range in {
		if err != nil {
			return nil, err
		}
		last = message
	}
	return last, nil
}

func (h handlers) Talk(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		if err := h.do(ctx); err != nil {
			yield(nil, err)
			return
		}
		for message, err := range in {
			if !yield(message, err) {
				return
			}
		}
	}
}

// echoing handlers just give back what they get.
var echoing = handlers{func(context.Context) error { return nil }}

// attending returns handlers that stay until their context ends, and tell of their beginning and of their end.
func attending() (h handlers, began chan struct{}, ended chan error) {
	began, ended = make(chan struct{}, 1000), make(chan error, 1000)
	return handlers{func(ctx context.Context) error {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}}, began, ended
}

// obstinate returns handlers that take no notice of anything until the test is over.
func obstinate(t *testing.T) (h handlers, began chan struct{}) {
	began = make(chan struct{}, 1000)
	leave := make(chan struct{})
	t.Cleanup(func() { close(leave) })
	return handlers{func(context.Context) error {
		began <- struct{}{}
		<-leave
		return nil
	}}, began
}

func item(number int64) *rulespb.Item { return &rulespb.Item{Number: number} }

// items yields messages.
func items(messages ...*rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for _, message := range messages {
			if !yield(message, nil) {
				return
			}
		}
	}
}

// endless yields the message again and again, with a rest in between, until nobody wants it any more.
func endless(message *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for yield(message, nil) {
			time.Sleep(time.Millisecond)
		}
	}
}

// lastError ranges a result to its end and returns how it ended.
func lastError(result iter.Seq2[*rulespb.Item, error]) (last error) {
	for _, err := range result {
		last = err
	}
	return last
}

// calls are the four kinds of call, those with a stream of requests with one that ends and one that does not. Each makes a
// call that sends message and returns the call's error.
var calls = map[string]makeCall{
	"unary": func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error {
		_, err := rules.Get(ctx, message)
		return err
	},
	"server stream": func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error {
		return lastError(rules.List(ctx, message))
	},
	"client stream": func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error {
		_, err := rules.Collect(ctx, items(message))
		return err
	},
	"endless client stream": func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error {
		_, err := rules.Collect(ctx, endless(message))
		return err
	},
	"two-way": func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error {
		return lastError(rules.Talk(ctx, items(message)))
	},
	"endless two-way": func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error {
		return lastError(rules.Talk(ctx, endless(message)))
	},
}

// makeCall makes one of calls.
type makeCall func(ctx context.Context, rules rulespb.Rules, message *rulespb.Item) error

// everyCall makes each kind of call at the same time, with a message that fits into one frame and with one that fits into no
// window, and hands what comes of it to check.
func everyCall(t *testing.T, do func(name string, call makeCall, message *rulespb.Item)) {
	t.Helper()
	sizes := map[string]*rulespb.Item{"small": item(1), "large": {Payload: make([]byte, 8<<20)}}
	var running sync.WaitGroup
	for kind, call := range calls {
		for size, message := range sizes {
			running.Go(func() { do(size+" "+kind, call, message) })
		}
	}
	running.Wait()
}

// overdue makes a call with a deadline that nothing but the deadline can end, and checks that it ends so. hint must be in
// the error's message, once the deadline is long enough for the call to get that far.
func overdue(t *testing.T, name string, call makeCall, rules rulespb.Rules, message *rulespb.Item, hint string) {
	t.Helper()
	for deadline := soon; ; deadline *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		result := make(chan error, 1)
		begin := time.Now()
		go func() { result <- call(ctx, rules, message) }()
		select {
		case err := <-result:
			t.Logf("%s: after %v: %v", name, time.Since(begin).Round(time.Millisecond), err)
			if farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: the error is %v, want the caller's own DEADLINE_EXCEEDED", name, err)
				return
			}
			if strings.Contains(err.Error(), hint) {
				return
			}
			if deadline > patience/4 {
				t.Errorf("%s: the error does not say %q: %v", name, hint, err)
				return
			}
		case <-time.After(patience):
			t.Errorf("%s: its deadline is %v over", name, patience)
			return
		}
	}
}

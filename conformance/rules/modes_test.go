// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"slices"
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

// rulesMethods are one of each kind.
var rulesMethods = []*farcall.Method{
	rulespb.RulesGetMethod, rulespb.RulesListMethod, rulespb.RulesCollectMethod, rulespb.RulesTalkMethod,
}

// service is a Rules whose methods a test gives. Those it leaves out are UNIMPLEMENTED.
type service struct {
	get     func(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error)
	list    func(ctx context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error]
	collect func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error)
	talk    func(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error]
}

var (
	_       rulespb.Rules = (*service)(nil)
	missing rulespb.UnimplementedRules
)

func (s *service) Get(ctx context.Context, request *rulespb.Item) (*rulespb.Item, error) {
	if s.get == nil {
		return missing.Get(ctx, request)
	}
	return s.get(ctx, request)
}

func (s *service) List(ctx context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
	if s.list == nil {
		return missing.List(ctx, request)
	}
	return s.list(ctx, request)
}

func (s *service) Collect(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) (*rulespb.Item, error) {
	if s.collect == nil {
		return missing.Collect(ctx, in)
	}
	return s.collect(ctx, in)
}

func (s *service) Talk(ctx context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] {
	if s.talk == nil {
		return missing.Talk(ctx, in)
	}
	return s.talk(ctx, in)
}

// echo answers each message with itself; Collect answers with the last one.
func echo() *service {
	return &service{
		get: func(_ context.Context, request *rulespb.Item) (*rulespb.Item, error) { return request, nil },
		list: func(_ context.Context, request *rulespb.Item) iter.Seq2[*rulespb.Item, error] {
			return func(yield func(*rulespb.Item, error) bool) { yield(request, nil) }
		},
		collect: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) (last *rulespb.Item, failure error) {
			last = new(rulespb.Item)
			for message, err := range in {
				if err != nil {
					return nil, err
				}
				last = message
			}
			return last, nil
		},
		talk: func(_ context.Context, in iter.Seq2[*rulespb.Item, error]) iter.Seq2[*rulespb.Item, error] { return in },
	}
}

// settings are what a test wants of both ends.
type settings struct {
	server server.Options
	client client.Options
}

// ends are a caller's end and what is behind it.
type ends struct {
	rulespb.Rules
	via    farcall.Invoker // nil for the bare struct
	server *server.Server
}

// mode is a way from a caller to the service.
type mode struct {
	name   string
	wire   bool // there are two ends with a connection between them, and client.Options count
	bare   bool // there is nothing between them
	invoke func(t *testing.T, srv *server.Server, with settings) farcall.Invoker
}

var modes = []mode{
	{name: "h2c", wire: true, invoke: overPlaintext},
	{name: "tls", wire: true, invoke: overTLS},
	{name: "local", invoke: func(_ *testing.T, srv *server.Server, _ settings) farcall.Invoker { return srv.Local() }},
	{name: "bare", bare: true},
}

// everywhere runs test in every mode, the bare struct included.
func everywhere(t *testing.T, test func(t *testing.T, m mode)) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// called runs test in the modes in which a call is one: not on the bare struct.
func called(t *testing.T, test func(t *testing.T, m mode)) {
	everywhere(t, func(t *testing.T, m mode) {
		if !m.bare {
			test(t, m)
		}
	})
}

// start starts a server with the service and returns the caller's end. When the test is over the server must have no
// call left.
func (m mode) start(t *testing.T, impl rulespb.Rules, with settings) *ends {
	t.Helper()
	if m.bare {
		return &ends{Rules: impl}
	}
	return m.startWith(t, func(srv *server.Server) { rulespb.RegisterRules(srv, impl) }, with)
}

// startWith is start for whatever register registers.
func (m mode) startWith(t *testing.T, register func(*server.Server), with settings) *ends {
	t.Helper()
	if with.server.Logger == nil {
		with.server.Logger = slog.New(slog.DiscardHandler)
	}
	var certificate *suites.Certificate
	if m.name == "tls" {
		certificate = suites.NewCertificate(t)
		with.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate.Pair}}
		with.client.TLS = &tls.Config{RootCAs: certificate.Roots}
	}
	srv := server.New(with.server)
	register(srv)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("a call is left: %v", err)
		}
	})
	via := m.invoke(t, srv, with)
	return &ends{Rules: rulespb.NewRulesStub(via), via: via, server: srv}
}

func overPlaintext(t *testing.T, srv *server.Server, with settings) farcall.Invoker {
	with.client.Plaintext = true
	return dial(t, srv, with)
}

func overTLS(t *testing.T, srv *server.Server, with settings) farcall.Invoker {
	return dial(t, srv, with)
}

func dial(t *testing.T, srv *server.Server, with settings) farcall.Invoker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends with Shutdown
	conn, err := client.New(listener.Addr().String(), with.client)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before Shutdown, which waits for calls, not for callers
		if _, err := await(t, served, "the end of Serve"), conn.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("a call is left: %v", err)
		}
	})
	return conn
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

func item(number int64) *rulespb.Item { return &rulespb.Item{Number: number} }

// items yields messages with the numbers, and then err if there is one.
func items(err error, numbers ...int64) iter.Seq2[*rulespb.Item, error] {
	return func(yield func(*rulespb.Item, error) bool) {
		for _, number := range numbers {
			if !yield(item(number), nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// outcome is what came of a call: the numbers of the messages, and the error.
type outcome struct {
	numbers []int64
	err     error
}

// all ranges a result to its end. It checks what every result must keep to: an error comes last and with no message.
func all(t *testing.T, result iter.Seq2[*rulespb.Item, error]) (got outcome) {
	t.Helper()
	for message, err := range result {
		switch {
		case got.err != nil:
			t.Errorf("yielded (%v, %v) after the error %v", message, err, got.err)
		case err != nil && message != nil:
			t.Errorf("yielded a message with the error %v", err)
		case err == nil && message == nil:
			t.Error("yielded neither a message nor an error")
		}
		if err != nil {
			got.err = err
			continue
		}
		got.numbers = append(got.numbers, message.GetNumber())
	}
	return got
}

func one(t *testing.T, message *rulespb.Item, err error) outcome {
	t.Helper()
	if err != nil {
		if message != nil {
			t.Errorf("returned a message with the error %v", err)
		}
		return outcome{err: err}
	}
	return outcome{numbers: []int64{message.GetNumber()}}
}

// want checks the numbers and the code of an outcome.
func (o outcome) want(t *testing.T, code farcall.Code, numbers ...int64) {
	t.Helper()
	if got := farcall.CodeOf(o.err); got != code {
		t.Errorf("the code is %v (%v), want %v", got, o.err, code)
	}
	if !slices.Equal(o.numbers, numbers) {
		t.Errorf("the messages are %v, want %v", o.numbers, numbers)
	}
}

// wantCode checks that err is an error of the library with the code.
func wantCode(t *testing.T, err error, code farcall.Code) {
	t.Helper()
	var failure *farcall.Error
	if farcall.CodeOf(err) != code || !errors.Is(err, code) {
		t.Errorf("the error is %v, want %v", err, code)
	} else if !errors.As(err, &failure) || error(failure) != err {
		t.Errorf("the error %v is a %T, want a *farcall.Error", err, err)
	}
}

// wantEOF checks that err is io.EOF itself.
func wantEOF(t *testing.T, err error) {
	t.Helper()
	if err != io.EOF {
		t.Errorf("the error is %v, want io.EOF", err)
	}
}

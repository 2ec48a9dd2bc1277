// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// options returns patientClient's options with the network in between.
func (n *network) options() client.Options {
	options := patientClient()
	options.Dialer = n.dial
	return options
}

// everyNetwork runs test with a network of its own, without TLS and with it.
func everyNetwork(t *testing.T, test func(t *testing.T, s security, n *network)) {
	secured(t, func(t *testing.T, s security) { test(t, s, newNetwork(t)) })
}

// A network that swallows everything from some moment on: every call ends by its deadline, and what goes on when the network
// is there again goes on well.
func TestABlackHole(t *testing.T) {
	everyNetwork(t, func(t *testing.T, s security, n *network) {
		_, address := s.serve(t, n.listen(t), echoing, server.Options{})
		moments := map[string]func(rules rulespb.Rules){
			"before the connection": func(rulespb.Rules) {},
			"on a connection": func(rules rulespb.Rules) {
				if err := calls["unary"](t.Context(), rules, item(1)); err != nil {
					t.Fatal(err)
				}
			},
		}
		for name, moment := range moments {
			t.Run(name, func(t *testing.T) {
				rules, conn := s.dial(t, address, n.options())
				moment(rules)
				n.drop(t, "")
				hint := "firewall"
				if name == "on a connection" {
					hint = "nothing has come from"
				}
				everyCall(t, func(kind string, call makeCall, message *rulespb.Item) {
					want := ""
					if kind == "small unary" {
						want = hint
					}
					overdue(t, kind, call, rules, message, want)
				})
				n.heal(t)
				until(t, "a call that succeeds", func() bool {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					_, err := rules.Get(ctx, item(1))
					return err == nil
				})
				conn.Close()
			})
		}
	})
}

// A network that lets small packets through, and large ones not, as with a broken path MTU: the connection is there, and the
// handshake, or a large message, never arrives.
func TestANetworkThatSwallowsLargePackets(t *testing.T) {
	everyNetwork(t, func(t *testing.T, s security, n *network) {
		_, address := s.serve(t, n.listen(t), echoing, server.Options{})
		options := n.options()
		options.StallTimeout = time.Second
		rules, _ := s.dial(t, address, options)
		if err := calls["unary"](t.Context(), rules, item(1)); err != nil {
			t.Fatal(err)
		}
		n.drop(t, "meta length > 600")
		for name, call := range calls {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := call(ctx, rules, &rulespb.Item{Payload: make([]byte, 1<<20)})
			cancel()
			if code := farcall.CodeOf(err); code != farcall.Unavailable {
				t.Errorf("a large %s call: %v", name, err)
			}
			if s.client == nil { // a certificate is large
				if _, err := rules.Get(t.Context(), item(1)); err != nil {
					t.Errorf("a small call on another connection: %v", err)
				}
			}
		}
		n.heal(t)
		until(t, "a call that succeeds", func() bool { _, err := rules.Get(t.Context(), item(1)); return err == nil })
	})
}

// The network forgets a connection, as a NAT does, and lets others through. Nobody has a deadline, and there is no keepalive
// but TCP's: the kernels find out, calls fail, handlers see their client gone, and the next call opens another connection.
func TestAForgottenConnection(t *testing.T) {
	everyNetwork(t, func(t *testing.T, s security, n *network) {
		h, began, ended := attending()
		_, address := s.serve(t, n.listen(t), h, server.Options{StallTimeout: time.Second})
		options := n.options()
		options.StallTimeout = time.Second
		var ports []string
		options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := n.dial(ctx, network, address)
			if err == nil {
				_, port, _ := net.SplitHostPort(nc.LocalAddr().String())
				ports = append(ports, port)
			}
			return nc, err
		}
		rules, _ := s.dial(t, address, options)
		result := make(chan error, len(calls))
		for _, kind := range []string{"unary", "server stream", "client stream", "two-way"} {
			go func() { result <- calls[kind](context.Background(), rules, item(1)) }()
			await(t, began, "a handler")
		}
		n.client.drop(t, "tcp dport "+ports[0])
		n.server.drop(t, "tcp sport "+ports[0])
		for range 4 {
			if err := await(t, result, "a call"); farcall.CodeOf(err) != farcall.Unavailable {
				t.Errorf("a call on a forgotten connection: %v", err)
			}
			if err := await(t, ended, "the end of a handler's context"); err != context.Canceled {
				t.Errorf("a handler's context ended with %v", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { result <- calls["unary"](ctx, rules, item(1)) }()
		await(t, began, "a handler on another connection")
		cancel()
		if err := await(t, result, "a call"); !errors.Is(err, context.Canceled) || len(ports) != 2 {
			t.Errorf("on another connection: %v, ports %v", err, ports)
		}
	})
}

// All is as it is without any option, but Go's own TCP keepalive is, in seconds: documentation promises what is seen here.
func TestDefaultsInABlackHole(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes as long as the defaults are")
	}
	t.Parallel()
	n := newNetwork(t)
	h, began, ended := attending()
	s := security{}
	_, address := s.serve(t, n.listen(t), h, server.Options{})
	rules, _ := s.dial(t, address, client.Options{Dialer: n.dial})
	result := make(chan error, 1)
	go func() { result <- calls["unary"](context.Background(), rules, item(1)) }()
	await(t, began, "a handler")
	n.drop(t, "")
	begin := time.Now()
	for name, from := range map[string]<-chan error{"call": result, "handler": ended} {
		select {
		case err := <-from:
			t.Logf("the %s ended after %v: %v", name, time.Since(begin).Round(time.Second), err)
		case <-time.After(3 * patience):
			t.Errorf("the %s has not ended after %v", name, 3*patience)
		}
	}
}

// A network that loses every twentieth packet each way, and one that is away for a while, lose no call.
func TestALossyNetwork(t *testing.T) {
	everyNetwork(t, func(t *testing.T, s security, n *network) {
		_, address := s.serve(t, n.listen(t), echoing, server.Options{StallTimeout: never})
		options := n.options()
		rules, conn := s.dial(t, address, options)
		faults := map[string]func(){
			"loss":      func() { n.drop(t, "numgen random mod 100 < 5") },
			"an outage": func() { n.drop(t, ""); time.AfterFunc(time.Second, func() { n.heal(t) }) },
		}
		for name, begin := range faults {
			if err := calls["unary"](t.Context(), rules, item(1)); err != nil {
				t.Fatal(err)
			}
			begin()
			result := make(chan error, 100)
			for kind, call := range exact {
				for caller := range int64(4) {
					go func() {
						err := call(context.Background(), rules, caller*100)
						if err != nil {
							err = fmt.Errorf("%s: %w", kind, err)
						}
						result <- err
					}()
				}
			}
			for range 4 * len(exact) {
				select {
				case err := <-result:
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
				case <-time.After(3 * patience):
					t.Fatalf("%s: a call has not ended after %v", name, 3*patience)
				}
			}
			n.heal(t)
		}
		if now := conn.Stats(); now.Connections != 1 {
			t.Errorf("in the end there are %d connections", now.Connections)
		}
	})
}

// Everything that flows when the network goes away comes back on the server: handlers that send, handlers that receive,
// requests that have come in part. Shutdown, in the middle of it, ends with its context; afterwards it has nothing to wait for.
func TestAServerInABlackHole(t *testing.T) {
	everyNetwork(t, func(t *testing.T, s security, n *network) {
		goroutines := runtime.NumGoroutine()
		t.Cleanup(func() {
			until(t, "the end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
		})
		impl := &flooding{handlers: echoing, message: &rulespb.Item{Payload: make([]byte, 64<<10)}}
		srv, address := s.serve(t, n.listen(t), impl, server.Options{StallTimeout: 2 * time.Second})
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		for range 5 {
			rules, _ := s.dial(t, address, n.options())
			for kind, call := range calls {
				if !strings.HasPrefix(kind, "unary") {
					go func() { _ = call(ctx, rules, impl.message) }()
				}
			}
		}
		until(t, "streams that flow", func() bool { return impl.flowing.Load() >= 20 })
		n.drop(t, "")
		shutdown, end := context.WithTimeout(context.Background(), soon)
		defer end()
		shut := make(chan error, 1)
		go func() { shut <- srv.Shutdown(shutdown) }()
		if err := await(t, shut, "the end of Shutdown"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		until(t, "the end of the handlers", func() bool { return impl.flowing.Load() == 0 })
	})
}

// Nobody asks an HTTP/1.1 client whether it is still there but TCP, and the end of the connection is the end of the handler's
// context.
func TestAnHTTP1ClientInABlackHole(t *testing.T) {
	everyNetwork(t, func(t *testing.T, s security, n *network) {
		began, ended := make(chan struct{}, 1), make(chan error, 1)
		_, address := s.serve(t, n.listen(t), echoing, server.Options{
			StallTimeout: 2 * time.Second,
			HTTPHandler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				began <- struct{}{}
				<-r.Context().Done()
				ended <- r.Context().Err()
			}),
		})
		protocols := &http.Protocols{}
		protocols.SetHTTP1(true)
		transport, scheme := &http.Transport{Protocols: protocols, DialContext: n.dial}, "http"
		if s.client != nil {
			transport.TLSClientConfig, scheme = s.client.Clone(), "https"
		}
		ctx, cancel := context.WithCancel(t.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			if response, err := transport.RoundTrip(request); err == nil {
				response.Body.Close()
			}
		}()
		await(t, began, "the handler")
		n.drop(t, "")
		if err := await(t, ended, "the end of the handler's context"); !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context ended with %v", err)
		}
		cancel()
		await(t, over, "the client")
		transport.CloseIdleConnections()
	})
}

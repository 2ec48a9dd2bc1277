// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// What keeps a server from ending. Each begins something at address, and leaves it there.
var obstacles = map[string]func(t *testing.T, s security, address string, began <-chan struct{}){
	"handlers that never return": func(t *testing.T, s security, address string, began <-chan struct{}) {
		rules, _ := s.dial(t, address, patientClient())
		inBackground(t, rules, item(1))
		for range calls {
			await(t, began, "a handler")
		}
	},
	"peers that read nothing": func(t *testing.T, s security, address string, began <-chan struct{}) {
		p := newProxy(t, address)
		rules, _ := s.dial(t, p.address(), patientClient())
		inBackground(t, rules, &rulespb.Item{Payload: make([]byte, 100<<10)})
		for range calls {
			await(t, began, "a handler")
		}
		p.become(notReading)
	},
	"handshakes": func(t *testing.T, _ security, address string, _ <-chan struct{}) {
		for _, text := range []string{"", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n", "\x16\x03\x01\x02\x00\x01"} {
			nc, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { nc.Close() })
			if _, err := io.WriteString(nc, text); err != nil {
				t.Fatal(err)
			}
		}
	},
	"HTTP handlers that never return": func(t *testing.T, s security, address string, began <-chan struct{}) {
		for _, next := range []string{"http/1.1", "h2"} {
			protocols := &http.Protocols{}
			protocols.SetHTTP1(next == "http/1.1")
			protocols.SetHTTP2(next == "h2")
			protocols.SetUnencryptedHTTP2(next == "h2")
			transport, scheme := &http.Transport{Protocols: protocols}, "http"
			if s.client != nil {
				transport.TLSClientConfig, scheme = s.client.Clone(), "https"
			}
			t.Cleanup(transport.CloseIdleConnections)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+address+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan struct{})
			t.Cleanup(func() { <-over })
			go func() {
				defer close(over)
				if response, err := transport.RoundTrip(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}()
			await(t, began, "the handler")
		}
	},
	"an HTTP/1.1 client that reads nothing": func(t *testing.T, s security, address string, began <-chan struct{}) {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if s.client != nil {
			config := s.client.Clone()
			config.NextProtos = []string{"http/1.1"}
			nc = tls.Client(nc, config)
		}
		t.Cleanup(func() { nc.Close() })
		if _, err := io.WriteString(nc, "GET /flood HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		await(t, began, "the handler")
	},
}

// inBackground makes every kind of call, for as long as the test lasts.
func inBackground(t *testing.T, rules rulespb.Rules, message *rulespb.Item) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, call := range calls {
		running.Go(func() { _ = call(ctx, rules, message) })
	}
	t.Cleanup(func() { cancel(); running.Wait() })
}

// floodHTTP is an HTTP handler that never returns, and for /flood never stops writing.
func floodHTTP(began chan<- struct{}, leave <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		for r.URL.Path == "/flood" {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				break
			}
		}
		<-leave
	}
}

// Shutdown ends when its context does, whatever handlers and peers do, and what can be ended has ended.
func TestShutdownEndsWithItsContext(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		for name, obstruct := range obstacles {
			t.Run(name, func(t *testing.T) {
				h, began := obstinate(t)
				leave := make(chan struct{})
				defer close(leave)
				srv, address := s.serve(t, nil, h, server.Options{
					StallTimeout: never, HandshakeTimeout: never, Keepalive: server.Keepalive{Interval: never, Timeout: never},
					HTTPHandler: floodHTTP(began, leave),
				})
				obstruct(t, s, address, began)
				shut := make(chan error, 1)
				ctx, cancel := context.WithTimeout(context.Background(), soon)
				defer cancel()
				go func() { shut <- srv.Shutdown(ctx) }()
				err := await(t, shut, "the end of Shutdown")
				if name == "handshakes" && err == nil {
					return // nobody waits for these
				}
				if farcall.CodeOf(err) != farcall.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Shutdown returned %v", err)
				}
			})
		}
	})
}

// A hook that hangs is no reason to be late.
func TestShutdownWithAHookThatHangs(t *testing.T) {
	srv, _ := security{}.serve(t, nil, echoing, server.Options{})
	leave := make(chan struct{})
	defer close(leave)
	srv.OnShutdown(func() { <-leave })
	shut := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	go func() { shut <- srv.Shutdown(ctx) }()
	if err := await(t, shut, "the end of Shutdown"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown returned %v", err)
	}
}

// A listener that brings its own TLS is written by goroutines that may block: the end of its connections does not, although
// crypto/tls would wait to say goodbye to a peer that reads nothing.
func TestShutdownOfConnectionsWithTheirOwnTLS(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		if s.server == nil {
			return
		}
		config := s.server.Clone()
		config.NextProtos = []string{"h2"}
		listener := tls.NewListener(listen(t), config)
		impl := &flooding{handlers: echoing, message: &rulespb.Item{Payload: make([]byte, 64<<10)}}
		srv, address := security{}.serve(t, listener, impl, server.Options{StallTimeout: never})
		p := newProxy(t, address)
		const clients = 5
		for range clients {
			rules, _ := s.dial(t, p.address(), patientClient())
			ctx, cancel := context.WithCancel(context.Background())
			over := make(chan struct{})
			go func() {
				defer close(over)
				_ = lastError(rules.List(ctx, item(1))) // it is cut off
			}()
			t.Cleanup(func() { cancel(); <-over })
		}
		until(t, "the streams", func() bool { return impl.flowing.Load() == clients })
		p.become(notReading)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returned %v", err)
		}
		until(t, "the end of the handlers", func() bool { return impl.flowing.Load() == 0 })
		t.Logf("it took %v", time.Since(begin).Round(time.Millisecond))
	})
}

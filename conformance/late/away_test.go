// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/server"
)

// A client that goes away, in whatever way, ends the context of every handler that works for it.
func TestHandlersSeeTheirClientGo(t *testing.T) {
	goings := map[string]func(p *proxy, conn io.Closer, cancel context.CancelFunc){
		"it cancels":              func(_ *proxy, _ io.Closer, cancel context.CancelFunc) { cancel() },
		"it closes":               func(_ *proxy, conn io.Closer, _ context.CancelFunc) { conn.Close() },
		"the connection is cut":   func(p *proxy, _ io.Closer, _ context.CancelFunc) { p.cut() },
		"the connection is dead":  func(p *proxy, _ io.Closer, _ context.CancelFunc) { p.spoil(swallowing) },
		"it is not heard":         func(p *proxy, _ io.Closer, _ context.CancelFunc) { p.spoil(swallowsRequests) },
		"it dies without a sound": func(p *proxy, conn io.Closer, _ context.CancelFunc) { p.spoil(swallowing); conn.Close() },
	}
	secured(t, func(t *testing.T, s security) {
		h, began, ended := attending()
		_, target := s.serve(t, nil, h, server.Options{Keepalive: server.Keepalive{Interval: 100 * time.Millisecond, Timeout: 200 * time.Millisecond}})
		for name, going := range goings {
			t.Run(name, func(t *testing.T) {
				p := newProxy(t, target)
				rules, conn := s.dial(t, p.address(), patientClient())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for _, call := range calls {
					go func() { _ = call(ctx, rules, item(1)) }() // ends with the test's context or before
					await(t, began, "a handler")
				}
				going(p, conn, cancel)
				for range calls {
					if err := await(t, ended, "the end of a handler's context"); err != context.Canceled {
						t.Errorf("a handler's context ended with %v", err)
					}
				}
			})
		}
	})
}

// A REST request is no different: over HTTP/1.1 and over HTTP/2 the handler sees the client go.
func TestHTTPHandlersSeeTheirClientGo(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		began, ended := make(chan struct{}, 10), make(chan error, 10)
		_, target := s.serve(t, nil, echoing, server.Options{
			Keepalive: server.Keepalive{Interval: 100 * time.Millisecond, Timeout: 200 * time.Millisecond},
			HTTPHandler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				began <- struct{}{}
				<-r.Context().Done()
				ended <- r.Context().Err()
			}),
		})
		for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
			for _, cut := range []bool{true, false} {
				if version == "HTTP/1.1" && !cut {
					continue // nobody asks an HTTP/1.1 client whether it is there, but TCP: TestAnHTTP1ClientInABlackHole
				}
				p := newProxy(t, target)
				protocols := &http.Protocols{}
				protocols.SetHTTP1(version == "HTTP/1.1")
				protocols.SetHTTP2(version == "HTTP/2")
				protocols.SetUnencryptedHTTP2(version == "HTTP/2")
				transport := &http.Transport{Protocols: protocols, TLSClientConfig: s.client}
				scheme := "http"
				if s.client != nil {
					transport.TLSClientConfig, scheme = s.client.Clone(), "https"
				}
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+p.address()+"/", nil)
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
				await(t, began, version+": the handler")
				if cut {
					p.cut()
				} else {
					p.spoil(swallowing)
				}
				if err := await(t, ended, version+": the end of the handler's context"); err != context.Canceled {
					t.Errorf("%s: the handler's context ended with %v", version, err)
				}
				p.cut()
				await(t, over, "the client")
				transport.CloseIdleConnections()
			}
		}
	})
}

// Whatever is under way when many clients go dead at a time comes back: goroutines, streams, and memory. Requests have come
// in part, answers are stuck, handlers send and receive.
func TestWhatDeadClientsHeldComesBack(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		goroutines, memory := runtime.NumGoroutine(), heap()
		t.Cleanup(func() { // the last, when the test's own have ended
			until(t, "the end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
			if now := heap(); now > memory+8<<20 {
				t.Errorf("the heap has grown from %d to %d", memory, now)
			}
		})
		large := make([]byte, 64<<10)
		impl := &flooding{handlers: echoing, message: &rulespb.Item{Payload: large}}
		srv, target := s.serve(t, nil, impl, server.Options{
			StallTimeout: 300 * time.Millisecond, Keepalive: server.Keepalive{Interval: 100 * time.Millisecond, Timeout: 200 * time.Millisecond},
			HandshakeTimeout: 300 * time.Millisecond,
		})
		rules, conn := s.dial(t, target, patientClient())
		if err := calls["unary"](t.Context(), rules, item(1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, f := range []fault{swallowing, notReading, swallowsAnswers, swallowsRequests} {
			p := newProxy(t, target)
			for range 10 {
				dead, _ := s.dial(t, p.address(), patientClient())
				for _, call := range calls { // what is endless runs out of credit, or else the server would go on hearing of it
					go func() { _ = call(ctx, dead, impl.message) }()
				}
			}
			for range 5 { // and some that have only begun to shake hands
				nc, err := net.Dial("tcp", p.address())
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				_, _ = io.WriteString(nc, "PRI * HT")
			}
			until(t, "streams that flow", func() bool { return impl.flowing.Load() >= 20 })
			p.become(f)
		}
		until(t, "the server's end of the dead clients", func() bool { return impl.flowing.Load() == 0 })
		if err := calls["unary"](t.Context(), rules, item(1)); err != nil {
			t.Errorf("a good client: %v", err)
		}
		cancel()
		conn.Close()
		shutdown, end := context.WithTimeout(t.Context(), patience)
		defer end()
		if err := srv.Shutdown(shutdown); err != nil {
			t.Errorf("something was left: %v", err)
		}
	})
}

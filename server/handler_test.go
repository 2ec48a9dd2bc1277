// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// TestFullDuplex sends a line, reads it, and so on.
func TestFullDuplex(t *testing.T) {
	address := ours(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Trailer", "X-Lines")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		lines, count := bufio.NewScanner(r.Body), 0
		for ; lines.Scan(); count++ {
			write(w, strings.ToUpper(lines.Text())+"\n")
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("X-Lines", fmt.Sprint(count, lines.Err()))
	})
	near, far := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address, near)
	if err != nil {
		t.Fatal(err)
	}
	response, err := httpVersions(t)["HTTP/2"].Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answers := bufio.NewReader(response.Body)
	for _, line := range []string{"a", "b", "c"} {
		write(far, line+"\n")
		if got, err := answers.ReadString('\n'); err != nil || got != strings.ToUpper(line)+"\n" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	far.Close()
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 || response.Trailer.Get("X-Lines") != "3 <nil>" {
		t.Errorf("at the end: %q, %v, %v", rest, err, response.Trailer)
	}
}

func TestHandlersContextEndsWithTheClient(t *testing.T) {
	for name, wait := range map[string]func(http.ResponseWriter, *http.Request) error{
		"in its context": func(_ http.ResponseWriter, r *http.Request) error { <-r.Context().Done(); return r.Context().Err() },
		"in reading":     func(_ http.ResponseWriter, r *http.Request) error { _, err := io.ReadAll(r.Body); return err },
		"in writing": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := w.Write(make([]byte, 64<<20))
			return err
		},
		"after its answer": func(_ http.ResponseWriter, r *http.Request) error { return errors.New("returns") },
	} {
		t.Run(name, func(t *testing.T) {
			entered, ended := make(chan context.Context, 1), make(chan error, 1)
			address := ours(t, func(w http.ResponseWriter, r *http.Request) {
				entered <- r.Context()
				ended <- wait(w, r)
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			near, far := io.Pipe()
			defer far.Close()
			request, err := http.NewRequestWithContext(ctx, "POST", "http://"+address, near)
			if err != nil {
				t.Fatal(err)
			}
			client, done := httpVersions(t)["HTTP/2"], make(chan struct{})
			go func() {
				defer close(done)
				if response, err := client.Do(request); err == nil {
					defer response.Body.Close()
					<-ctx.Done()
				}
			}()
			handlers := <-entered
			if name == "after its answer" {
				<-handlers.Done()
			}
			cancel()
			if err := <-ended; err == nil {
				t.Error("the handler saw nothing of it")
			}
			<-handlers.Done()
			<-done
		})
	}
}

func TestHandlersDeadlines(t *testing.T) {
	failures := make(chan error, 2)
	address := ours(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if r.URL.Path == "/read" {
			_ = control.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := r.Body.Read(make([]byte, 1))
			failures <- err
			write(w, "late")
			return
		}
		_ = control.Flush()
		_ = control.SetWriteDeadline(time.Now().Add(time.Millisecond))
		_, err := w.Write(make([]byte, 64<<20))
		failures <- err
	})
	client := httpVersions(t)["HTTP/2"]
	near, far := io.Pipe()
	defer far.Close()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/read", near)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("the handler could not answer: %v, %v", response, err)
	}
	response.Body.Close()
	if err := <-failures; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading: %v", err)
	}
	response = get(t, t.Context(), client, "http://"+address+"/write")
	if err := <-failures; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing: %v", err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("the client takes the answer for whole")
	}
}

// TestHandlerThatReturnsWhileOthersWork has goroutines that go on with a request whose handler has returned.
func TestHandlerThatReturnsWhileOthersWork(t *testing.T) {
	var left sync.WaitGroup
	results := make(chan error, 2)
	address := ours(t, func(w http.ResponseWriter, r *http.Request) {
		reading := make(chan struct{})
		left.Go(func() {
			close(reading)
			_, err := io.ReadAll(r.Body)
			results <- err
		})
		<-reading
		left.Go(func() {
			<-r.Context().Done()
			for {
				if _, err := io.WriteString(w, "x"); err != nil {
					results <- err
					return
				}
			}
		})
	})
	near, far := io.Pipe()
	defer far.Close()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address, near)
	if err != nil {
		t.Fatal(err)
	}
	response, err := httpVersions(t)["HTTP/2"].Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	left.Wait()
	for range 2 {
		if err := <-results; err == nil {
			t.Error("a goroutine that the handler has left behind can still use the request")
		}
	}
}

func TestPanicsOfHandlersAreLogged(t *testing.T) {
	log := &lines{told: make(chan struct{}, 1)}
	address := runSay(t, server.Options{Logger: slog.New(slog.NewTextHandler(log, nil)), HTTPHandler: http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { panic("on purpose") })}, repeat)
	if response, err := httpVersions(t)["HTTP/2"].Get("http://" + address + "/where"); err == nil {
		t.Errorf("got %s", response.Status)
	}
	if text := log.take(); !strings.Contains(text, "on purpose") || !strings.Contains(text, "/where") || !strings.Contains(text, "handler_test.go") {
		t.Errorf("logged: %s", text)
	}
	if got, err := call(t.Context(), dial(t, address), "x"); err != nil || got != "x" {
		t.Errorf("the server does not live on: %q, %v", got, err)
	}
}

func TestConnectionCloseDrainsTheConnection(t *testing.T) {
	address := ours(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		write(w, r.RemoteAddr)
	})
	client := httpVersions(t)["HTTP/2"]
	_, first := send(t, client, "GET", "http://"+address, "", "")
	conn := raw(t, address)
	stream, err := conn.Open(t.Context(), with(with(requestHead("/"), "content-type", ""), ":method", "GET"), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if head, err := stream.Head(t.Context()); err != nil || head.Get(":status") != "200" || head.Get("connection") != "" {
		t.Errorf("got %v, %v", head, err)
	}
	<-conn.Done() // once the answer is there
	if first == "" {
		t.Error("no answer")
	}
}

func TestHandlersRequestOverTLS(t *testing.T) {
	serverEnd, clientEnd := mutual(t)
	address := runSay(t, server.Options{TLS: serverEnd, HTTPHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", certified(r.TLS), " ", r.TLS.NegotiatedProtocol)
	})}, repeat)
	config := clientEnd.Clone()
	config.NextProtos = []string{"h2"}
	client := httpClient(t, config)
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	if response, text := send(t, client, "GET", "https://"+address, "", ""); text != "HTTP/2.0 orders h2" || response.TLS == nil {
		t.Errorf("got %s", text)
	}
}

func TestHandlerOverAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := register(say, farcall.HandleUnary(repeat), server.Options{HTTPHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, r.Proto+" "+r.Host)
	})})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	defer func() { srv.Close(); <-served }()
	for version, client := range httpVersions(t) {
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		if _, text := send(t, client, "GET", "http://example.test/", "", ""); !strings.HasPrefix(text, version) || !strings.HasSuffix(text, " example.test") {
			t.Errorf("%s: %s", version, text)
		}
	}
}

// TestReverseProxy has net/http/httputil between two of our servers: each piece of a stream passes as it comes.
func TestReverseProxy(t *testing.T) {
	more := make(chan struct{})
	behind, err := url.Parse("http://" + ours(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		for range 3 {
			write(w, r.Proto)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-more:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("X-Sum", "3")
	}))
	if err != nil {
		t.Fatal(err)
	}
	client := httpVersions(t)["HTTP/2"]
	proxy := &httputil.ReverseProxy{Transport: client.Transport, FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind) }}
	response := get(t, t.Context(), client, "http://"+ours(t, proxy.ServeHTTP))
	for range 3 {
		piece := make([]byte, len("HTTP/2.0"))
		if _, err := io.ReadFull(response.Body, piece); err != nil || string(piece) != "HTTP/2.0" {
			t.Fatalf("got %q, %v", piece, err)
		}
		more <- struct{}{}
	}
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 || response.Trailer.Get("X-Sum") != "3" {
		t.Errorf("at the end: %q, %v, %v", rest, err, response.Trailer)
	}
}

// curlWith returns where curl is. Without it, or if it was built without one of the features, the test is skipped; on CI, which
// installs it, that is a failure.
func curlWith(t *testing.T, features ...string) string {
	t.Helper()
	curl, err := exec.LookPath("curl")
	if err == nil {
		var version []byte
		version, err = exec.CommandContext(t.Context(), curl, "--version").Output()
		for _, feature := range features {
			if err == nil && !slices.Contains(strings.Fields(string(version)), feature) {
				err = fmt.Errorf("curl was built without %s", feature)
			}
		}
	}
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	return curl
}

func TestCurlReachesTheHandlerOverHTTP2(t *testing.T) {
	curl := curlWith(t, "HTTP2")
	address := ours(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintln(w, r.Proto, r.Method, r.Header.Get("User-Agent") != "", len(body), err)
	})
	command := exec.CommandContext(t.Context(), curl, "-sS", "-i", "--http2-prior-knowledge", "--data-binary", "@-", "-H", "Expect: 100-continue", "http://"+address+"/x")
	command.Stdin = bytes.NewReader(make([]byte, 2<<20))
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "HTTP/2.0 POST true 2097152 <nil>") {
		t.Errorf("%v: %s", err, out)
	}
}

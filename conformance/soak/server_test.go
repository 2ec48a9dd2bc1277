// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/server"
)

// footprint is what a process holds when it is at rest.
type footprint struct {
	Goroutines int
	Heap       uint64
}

// measure waits for a process to come to rest, and returns what it holds then: the same for several seconds, since a pool
// gives what nobody takes back with the second collection, and workers that have nothing to do end after a second or two.
func measure() footprint {
	const looks, pause, steady = 60, 500 * time.Millisecond, 6
	var stats runtime.MemStats
	var last footprint
	for same, look := 0, 0; same < steady && look < looks; look++ {
		time.Sleep(pause)
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&stats)
		now := footprint{runtime.NumGoroutine(), stats.HeapAlloc}
		if now.Goroutines == last.Goroutines && max(now.Heap, last.Heap)-min(now.Heap, last.Heap) < 64<<10 {
			same++
		} else {
			same = 0
		}
		last = now
	}
	return last
}

// host is the server's end: in this process or in another.
type host interface {
	sides() (plaintext, secured string)
	footprint() footprint
	end() error
}

// here serves in this process: the same service without TLS and with it. Connections grow old in seconds, and there are
// fewer streams on one than clients want, so they come and go.
type here struct {
	servers   []*server.Server
	addresses []string
	serving   sync.WaitGroup
}

func serveHere(certFile, keyFile string) (*here, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	h := &here{}
	for _, secure := range []*tls.Config{nil, {Certificates: []tls.Certificate{pair}}} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		srv := server.New(server.Options{TLS: secure, MaxConcurrentStreams: 20, MaxConnectionAge: 2 * time.Second, MaxConnectionAgeGrace: 30 * time.Second,
			Logger: slog.New(slog.DiscardHandler)})
		rulespb.RegisterRules(srv, service{})
		h.serving.Go(func() { _ = srv.Serve(listener) }) // returns nil after end
		h.servers = append(h.servers, srv)
		h.addresses = append(h.addresses, listener.Addr().String())
	}
	return h, nil
}

func (h *here) sides() (plaintext, secured string) { return h.addresses[0], h.addresses[1] }
func (h *here) footprint() footprint               { return measure() }

func (h *here) end() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), hanging)
	defer cancel()
	for _, srv := range h.servers {
		err = errors.Join(err, srv.Shutdown(ctx))
	}
	h.serving.Wait()
	return err
}

// elsewhere is a process that serves: this program, told by its environment. Each line that it is sent is answered with its
// footprint; the end of its input ends it.
type elsewhere struct {
	program *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	greeting
}

type greeting struct{ Plaintext, Secured string }

const roleVariable = "FARCALL_SOAK_SERVER"

func serveElsewhere(t *testing.T, certificate *suites.Certificate) *elsewhere {
	t.Helper()
	e := &elsewhere{program: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMain$")}
	e.program.Env = append(os.Environ(), roleVariable+"=1", "CERT_FILE="+certificate.CertFile, "KEY_FILE="+certificate.KeyFile)
	e.program.Stderr = os.Stderr
	output, err := e.program.StdoutPipe()
	if err == nil {
		e.input, err = e.program.StdinPipe()
	}
	if err == nil {
		err = e.program.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	e.output = bufio.NewReader(output)
	if err := json.NewDecoder(e.line()).Decode(&e.greeting); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *elsewhere) line() io.Reader {
	line, _ := e.output.ReadBytes('\n') // what is wrong with it shows when it is decoded
	return bytesReader(line)
}

func (e *elsewhere) sides() (plaintext, secured string) { return e.Plaintext, e.Secured }

func (e *elsewhere) footprint() (now footprint) {
	if _, err := fmt.Fprintln(e.input); err != nil {
		return footprint{}
	}
	if json.NewDecoder(e.line()).Decode(&now) != nil {
		return footprint{}
	}
	return now
}

func (e *elsewhere) end() error {
	return errors.Join(e.input.Close(), e.program.Wait())
}

// beServer is the life of the other process.
func beServer() error {
	h, err := serveHere(os.Getenv("CERT_FILE"), os.Getenv("KEY_FILE"))
	if err != nil {
		return err
	}
	answers := json.NewEncoder(os.Stdout)
	plaintext, secured := h.sides()
	if err := answers.Encode(greeting{plaintext, secured}); err != nil {
		return err
	}
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		if err := answers.Encode(h.footprint()); err != nil {
			return err
		}
	}
	return h.end()
}

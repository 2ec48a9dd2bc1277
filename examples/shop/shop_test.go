// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// shopBinary is the shop command, built as a user builds it.
var shopBinary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "shop")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(directory)
		shopBinary = filepath.Join(directory, "shop")
		build := exec.Command("go", "build", "-o", shopBinary)
		if raceDetector {
			build.Args = append(build.Args, "-race")
		}
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, output)
			return 1
		}
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// patience bounds every wait of a test; only a failure waits so long.
const patience = 60 * time.Second

// shop is the command, running.
type shop struct {
	t       *testing.T
	command *exec.Cmd
	read    chan struct{} // closed when all of its output has been read

	mu     sync.Mutex // guards what follows
	output strings.Builder
	news   chan struct{} // closed and replaced when there is more output
	ended  bool
}

// startShop starts the command; it is stopped when the test ends.
func startShop(t *testing.T, arguments ...string) *shop {
	t.Helper()
	s := &shop{t: t, command: exec.Command(shopBinary, arguments...), news: make(chan struct{}), read: make(chan struct{})}
	output, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr = s.command.Stdout
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(output) // ends with the command
	t.Cleanup(func() {
		if s.command.ProcessState != nil {
			return // the test has seen its end
		}
		if err := s.command.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if code := s.wait(); code != 0 {
			t.Errorf("shop %v ends with status %d:\n%s", arguments, code, s.printed())
		}
	})
	return s
}

// follow notes what the command prints.
func (s *shop) follow(output io.Reader) {
	defer close(s.read)
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		s.mu.Lock()
		s.output.WriteString(line)
		s.ended = err != nil
		close(s.news)
		s.news = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait waits for the command's end and returns its exit status.
func (s *shop) wait() int {
	s.t.Helper()
	kill := time.AfterFunc(patience, func() { _ = s.command.Process.Kill() })
	defer kill.Stop()
	<-s.read
	_ = s.command.Wait() // its state says more than the error
	return s.command.ProcessState.ExitCode()
}

func (s *shop) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

// await waits until the command has printed what matches the pattern, and returns the match and its groups.
func (s *shop) await(pattern string) []string {
	s.t.Helper()
	compiled := regexp.MustCompile(pattern)
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		match, news, ended := compiled.FindStringSubmatch(s.output.String()), s.news, s.ended
		s.mu.Unlock()
		switch {
		case match != nil:
			return match
		case ended:
			s.t.Fatalf("shop has ended without printing %s, but:\n%s", pattern, s.printed())
		}
		select {
		case <-news:
		case <-timeout:
			s.t.Fatalf("shop has not printed %s, but:\n%s", pattern, s.printed())
		}
	}
}

// The addresses that shop prints.
const (
	ordersLine   = `(?m)^order service:   (\S+) \(REST and gRPC, process \d+\)$`
	paymentsLine = `(?m)^payment service: (\S+) \(gRPC, process \d+\)$`
	commandLine  = `(?m)^curl .*$`
)

// startBoth starts both services on free ports.
func startBoth(t *testing.T, more ...string) (s *shop, orders, payments string) {
	t.Helper()
	s = startShop(t, append([]string{"-rest", "127.0.0.1:0", "-grpc", "127.0.0.1:0"}, more...)...)
	s.await(`Ctrl-C ends both`)
	return s, s.await(ordersLine)[1], s.await(paymentsLine)[1]
}

// awaitGone waits until nobody listens on an address any more.
func awaitGone(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if ctx.Err() != nil {
			t.Fatalf("%s is still served", address)
		}
		if err != nil {
			return
		}
		conn.Close()
	}
}

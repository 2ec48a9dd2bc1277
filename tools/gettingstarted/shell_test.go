// SPDX-License-Identifier: Apache-2.0

//go:build unix

package gettingstarted

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	commandTimeout = 4 * time.Minute  // the first `go install` compiles a lot
	stopTimeout    = 10 * time.Second // from Ctrl-C to the end
)

// shell types commands as a reader would: what cd and export do stays for the next command.
type shell struct {
	directory   string
	environment []string
	path        string // PATH, which the page extends
}

// bash returns a process, in a group of its own, that runs one command line and then writes the folder and the PATH that
// it leaves to state.
func (s *shell) bash(ctx context.Context, typed string, state *os.File) *exec.Cmd {
	script := typed + "\n{ pwd; printf '%s' \"$PATH\"; } >&3"
	process := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", script)
	process.Dir = s.directory
	process.Env = append(s.environment[:len(s.environment):len(s.environment)], "PATH="+s.path)
	process.ExtraFiles = []*os.File{state}
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	process.WaitDelay = stopTimeout
	return process
}

// run types a command and returns what comes back once it has ended.
func (s *shell) run(ctx context.Context, typed string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	state, err := os.CreateTemp("", "shell-")
	if err != nil {
		return "", err
	}
	defer os.Remove(state.Name())
	defer state.Close()
	process := s.bash(ctx, typed, state)
	output, err := process.CombinedOutput()
	if err != nil {
		return string(output), errors.Join(err, ctx.Err())
	}
	left, err := os.ReadFile(state.Name())
	if err != nil {
		return string(output), err
	}
	s.directory, s.path, _ = strings.Cut(string(left), "\n")
	return string(output), nil
}

// running is a command that was left running.
type running struct {
	typed   string
	process *exec.Cmd
	output  *transcript
	ended   chan struct{} // closed when the process has ended
}

// start types a command, and returns once it has said what the page shows and somebody listens on address.
func (s *shell) start(ctx context.Context, typed, shown, address string) (*running, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	r := &running{typed: typed, output: &transcript{grown: make(chan struct{}, 1)}, ended: make(chan struct{})}
	r.process = s.bash(ctx, typed, null)
	r.process.Stdout, r.process.Stderr = r.output, r.output
	if err := r.process.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which stop ends
		_ = r.process.Wait()
		close(r.ended)
	}()
	if err := r.ready(ctx, shown, address); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\nIt has said:\n%s", err, r.output), r.stop())
	}
	return r, nil
}

func (r *running) ready(ctx context.Context, shown, address string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	for !strings.Contains(r.output.String(), shown) {
		select {
		case <-r.output.grown:
		case <-r.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not say what the page shows: %w", ctx.Err())
		}
	}
	retry := time.NewTicker(20 * time.Millisecond) // nothing tells when a port of another process begins to listen
	defer retry.Stop()
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-retry.C:
		case <-r.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("nobody listens on %s: %w", address, ctx.Err())
		}
	}
}

// stop types Ctrl-C.
func (r *running) stop() error {
	_ = syscall.Kill(-r.process.Process.Pid, syscall.SIGINT) // it fails where the process has ended
	select {
	case <-r.ended:
		return nil
	case <-time.After(stopTimeout):
		_ = syscall.Kill(-r.process.Process.Pid, syscall.SIGKILL)
		<-r.ended
		return fmt.Errorf("%q took no notice of Ctrl-C for %v", r.typed, stopTimeout)
	}
}

// transcript is what a process has said so far.
type transcript struct {
	grown chan struct{} // has room for one: there is something new

	mu   sync.Mutex // guards said
	said bytes.Buffer
}

var _ io.Writer = (*transcript)(nil)

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said.Write(p)
	select {
	case t.grown <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said.String()
}

func newShell(t *testing.T) *shell {
	return &shell{directory: t.TempDir(), environment: os.Environ(), path: os.Getenv("PATH")}
}

func TestShellKeepsFolderAndPath(t *testing.T) {
	s := newShell(t)
	for _, typed := range []string{"mkdir inner", "cd inner", `export PATH="$PATH:/added"`} {
		if output, err := s.run(t.Context(), typed); err != nil {
			t.Fatalf("%s: %v %s", typed, err, output)
		}
	}
	output, err := s.run(t.Context(), `echo "${PWD##*/} ${PATH##*:}"`)
	if err != nil || output != "inner /added\n" {
		t.Errorf("got %q, %v", output, err)
	}
	if output, err := s.run(t.Context(), "echo before; false"); err == nil || output != "before\n" {
		t.Errorf("a command that fails: %q, %v", output, err)
	}
	if _, err := s.run(t.Context(), "false | true"); err == nil {
		t.Error("a pipe that breaks is no error")
	}
}

func TestShellNoticesAServerThatEnds(t *testing.T) {
	_, err := newShell(t).start(t.Context(), "echo hello", "hello\n", "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), "it has ended") {
		t.Errorf("got %v", err)
	}
}

func TestShellStopsWhatItStarted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	server, err := newShell(t).start(t.Context(), "echo hello; sleep 600", "hello\n", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := server.stop(); err != nil { // it waits for whoever holds the output open, so for sleep too
		t.Error(err)
	}
}

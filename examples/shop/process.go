// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// process is a service that runs as a child of this process. It ends with its standard input, so it ends with this
// process, however that ends.
type process struct {
	address string
	command *exec.Cmd
	input   io.Closer
	stopped sync.Once

	ended   chan struct{} // closed when the process has ended
	outcome error         // how; readable once ended is closed
}

// startTimeout is how long a service may take until it listens.
const startTimeout = 20 * time.Second

// startService starts this program again with other arguments, and returns when it listens. What it prints later goes
// to out.
func startService(out io.Writer, arguments ...string) (*process, error) {
	path, err := executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(path, arguments...)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, input: input, ended: make(chan struct{})}
	listening := make(chan string, 1)
	go p.follow(output, out, listening) // ends with the process
	select {
	case address, ok := <-listening:
		if !ok {
			<-p.ended
			return nil, fmt.Errorf("it has ended at once: %w", p.outcome)
		}
		p.address = address
		return p, nil
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("it does not listen after %v", startTimeout), p.stop())
	}
}

// follow reads what the process prints: first the address, then what is passed on to out.
func (p *process) follow(output io.Reader, out io.Writer, listening chan<- string) {
	lines := bufio.NewReader(output)
	first, err := lines.ReadString('\n')
	if address, ok := strings.CutPrefix(strings.TrimSpace(first), listeningOn); ok && err == nil {
		listening <- address
	}
	close(listening)
	_, _ = lines.WriteTo(out) // its end is the process's end, which Wait reports
	p.outcome = p.command.Wait()
	if p.outcome == nil {
		p.outcome = errEndedWell
	}
	close(p.ended)
}

// errEndedWell is the outcome of a process that ended without an error.
var errEndedWell = errors.New("exit status 0")

func (p *process) pid() int { return p.command.Process.Pid }

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() error {
	p.stopped.Do(func() { _ = p.input.Close() })
	select {
	case <-p.ended:
	case <-time.After(shutdownTimeout + 2*time.Second):
		_ = p.command.Process.Kill()
		<-p.ended
	}
	if errors.Is(p.outcome, errEndedWell) {
		return nil
	}
	return p.outcome
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/farcall/farcall/bench/harness"
)

// process is a server, edge or client, seen by the conductor. One goroutine uses it.
type process struct {
	name    string
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *os.File // a pipe that has deadlines
	decoder *json.Decoder
}

const (
	startTime  = 90 * time.Second // until a process is ready, parked streams included
	answerTime = 60 * time.Second // for a command, besides the time that a load lasts
	// connectTime is for each connection to open: two TLS handshakes on a busy machine.
	connectTime = 20 * time.Millisecond
	stopTime    = 10 * time.Second // until it has ended
)

// startProcess starts a program, with variables beside those of this process, and waits until it is ready.
func startProcess(ctx context.Context, name string, environment []string, program string, arguments ...string) (*process, harness.Ready, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), environment...)
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, harness.Ready{}, err
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, harness.Ready{}, err
	}
	command.Stdout = theirs
	err = command.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, harness.Ready{}, err
	}
	p := &process{name: name, command: command, stdin: stdin, stdout: ours, decoder: json.NewDecoder(ours)}
	var hello harness.Ready
	if err := p.receive(&hello, startTime); err != nil {
		p.stop()
		return nil, harness.Ready{}, err
	}
	return p, hello, nil
}

func (p *process) receive(into any, within time.Duration) error {
	if err := p.stdout.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if err := p.decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the process ended; its last words are above")
		}
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// do sends a command and waits for the answer.
func (p *process) do(order harness.Command) (harness.Report, error) {
	if err := json.NewEncoder(p.stdin).Encode(order); err != nil {
		return harness.Report{}, fmt.Errorf("%s: %w", p.name, err)
	}
	var answer harness.Report
	if err := p.receive(&answer, order.Lasting+answerTime+time.Duration(order.Connections)*connectTime); err != nil {
		return harness.Report{}, err
	}
	if answer.Error != "" {
		return harness.Report{}, fmt.Errorf("%s: %s", p.name, answer.Error)
	}
	return answer, nil
}

// usage asks what the process has consumed.
func (p *process) usage() (harness.Usage, error) {
	answer, err := p.do(harness.Command{Do: harness.DoUsage})
	return answer.Usage, err
}

// stop ends the process: politely, so that it can write its profile, then not.
func (p *process) stop() {
	p.stdin.Close()
	kill := time.AfterFunc(stopTime, func() { p.command.Process.Kill() })
	defer kill.Stop()
	p.command.Wait()
	p.stdout.Close()
}

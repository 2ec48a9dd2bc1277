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
	"syscall"
	"time"
)

// The parent talks to its children over their standard input and output, a JSON value a line: first the child says that
// it is ready, then it answers orders until its standard input ends. So no child outlives its parent.

// ready is what a child says first.
type ready struct {
	Address string `json:"address,omitempty"` // a server's
	Roots   []byte `json:"roots,omitempty"`   // of a server that speaks TLS: its authority's certificate, DER
}

// order is what the parent says.
type order struct {
	Do string `json:"do"`
}

// child is another process of this program, seen by the parent. One goroutine uses it.
type child struct {
	name    string
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *os.File // a pipe that has deadlines
	decoder *json.Decoder
}

// How long a child may take: until it is ready, to answer an order beyond what the order takes, and to end.
const (
	startTime  = 30 * time.Second
	answerTime = 60 * time.Second
	stopTime   = 10 * time.Second
)

// startChild starts this program again in another role and waits until it is ready.
func startChild(ctx context.Context, arguments ...string) (*child, ready, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, ready{}, err
	}
	process := exec.CommandContext(ctx, self, arguments...)
	process.Stderr = os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for heldBack
	stdin, err := process.StdinPipe()
	if err != nil {
		return nil, ready{}, err
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, ready{}, err
	}
	process.Stdout = theirs
	err = process.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, ready{}, err
	}
	c := &child{name: arguments[0], process: process, stdin: stdin, stdout: ours, decoder: json.NewDecoder(ours)}
	var hello ready
	if err := c.receive(&hello, startTime); err != nil {
		c.stop()
		return nil, ready{}, err
	}
	return c, hello, nil
}

// holdBack gives everybody else's processes the right of way before the child's.
func (c *child) holdBack() error {
	const last = 19
	if err := syscall.Setpriority(syscall.PRIO_PGRP, c.process.Process.Pid, last); err != nil {
		return fmt.Errorf("%s: cannot lower its priority: %w", c.name, err)
	}
	return nil
}

// errEnded is for a child that is no longer there.
var errEnded = errors.New("the process has ended; its last words, if any, are above")

func (c *child) receive(into any, within time.Duration) error {
	if err := c.stdout.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if err := c.decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errEnded
		}
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// ask gives an order and waits for the answer.
func (c *child) ask(what string, answer any) error {
	if err := json.NewEncoder(c.stdin).Encode(order{Do: what}); err != nil {
		return fmt.Errorf("%s: %w: %w", c.name, errEnded, err)
	}
	return c.receive(answer, answerTime)
}

// stop ends the child, with patience first.
func (c *child) stop() {
	c.stdin.Close()
	kill := time.AfterFunc(stopTime, func() { _ = c.process.Process.Kill() })
	defer kill.Stop()
	_ = c.process.Wait()
	c.stdout.Close()
}

// obey is the life of a child after its start.
func obey(hello ready, answer func(what string) (any, error)) error {
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(hello); err != nil {
		return err
	}
	for in := json.NewDecoder(os.Stdin); ; {
		var next order
		if err := in.Decode(&next); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reply, err := answer(next.Do)
		if err != nil {
			return err
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}

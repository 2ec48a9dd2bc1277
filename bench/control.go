// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"
)

// The parent talks to its servers and clients over their standard input and output, a JSON value a line: first the
// child says that it is ready, then it answers commands until its standard input ends.

// ready is what a child says first.
type ready struct {
	Address string `json:"address,omitempty"` // a server's
}

// command is what the parent says. A client with a Load runs it; a command without one only asks for the usage.
type command struct {
	Load     string        `json:"load,omitempty"`
	InFlight int           `json:"in_flight,omitempty"`
	Lasting  time.Duration `json:"lasting,omitempty"`
}

// report is the answer to a command.
type report struct {
	Usage   usage         `json:"usage"` // of a client: during the run; of a server: since it began
	Calls   int64         `json:"calls,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	P50     time.Duration `json:"p50,omitempty"`
	P90     time.Duration `json:"p90,omitempty"`
	P99     time.Duration `json:"p99,omitempty"`
	P999    time.Duration `json:"p999,omitempty"`
	Longest time.Duration `json:"longest,omitempty"`
	Error   string        `json:"error,omitempty"`
}

// child is a server or client process, seen by the parent. One goroutine uses it.
type child struct {
	name    string
	process *exec.Cmd
	stdin   io.WriteCloser
	stdout  *os.File // a pipe that has deadlines
	decoder *json.Decoder
}

// startTime is how long a child may take until it is ready, and stopTime until it has ended.
const (
	startTime = 20 * time.Second
	stopTime  = 10 * time.Second
)

// startChild starts this program again with other arguments and waits until it is ready.
func startChild(ctx context.Context, name string, arguments ...string) (*child, ready, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, ready{}, err
	}
	process := exec.CommandContext(ctx, self, arguments...)
	process.Stderr = os.Stderr
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
	c := &child{name: name, process: process, stdin: stdin, stdout: ours, decoder: json.NewDecoder(ours)}
	var hello ready
	if err := c.receive(&hello, startTime); err != nil {
		c.stop()
		return nil, ready{}, err
	}
	return c, hello, nil
}

func (c *child) receive(into any, within time.Duration) error {
	if err := c.stdout.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if err := c.decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the process ended; its last words are above")
		}
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// do sends a command and waits for the answer.
func (c *child) do(order command) (report, error) {
	if err := json.NewEncoder(c.stdin).Encode(order); err != nil {
		return report{}, fmt.Errorf("%s: %w", c.name, err)
	}
	var answer report
	if err := c.receive(&answer, order.Lasting+30*time.Second); err != nil {
		return report{}, err
	}
	if answer.Error != "" {
		return report{}, fmt.Errorf("%s: %s", c.name, answer.Error)
	}
	return answer, nil
}

// stop ends the child: politely, so that it can write its profiles, then not.
func (c *child) stop() {
	c.stdin.Close()
	kill := time.AfterFunc(stopTime, func() { c.process.Process.Kill() })
	defer kill.Stop()
	c.process.Wait()
	c.stdout.Close()
}

// obey is the life of a child after its start: it says that it is ready, then answers commands until stdin ends.
func obey(hello ready, answer func(command) (report, error)) error {
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(hello); err != nil {
		return err
	}
	for in := json.NewDecoder(os.Stdin); ; {
		var order command
		if err := in.Decode(&order); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		reply, err := answer(order)
		if err != nil {
			reply = report{Error: err.Error()}
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}

// serveSystem is a server process.
func serveSystem(s system) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop, err := s.serve(listener)
	if err != nil {
		return err
	}
	defer stop()
	return obey(ready{Address: listener.Addr().String()}, func(command) (report, error) {
		now, err := ownUsage()
		return report{Usage: now}, err
	})
}

// loadSystem is a client process.
func loadSystem(s system, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	on, err := s.connect(ctx, address)
	if err != nil {
		return err
	}
	defer on.Close()
	return obey(ready{}, func(order command) (report, error) {
		l, err := findLoad(order.Load)
		if err != nil {
			return report{}, err
		}
		return run(on, l, order.InFlight, order.Lasting)
	})
}

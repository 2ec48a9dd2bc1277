// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// turn is what one system did in one round.
type turn struct {
	Client report `json:"client"`
	Server usage  `json:"server"`
}

// result is every turn of every system under one load, turns[system][round].
type result struct {
	Load     string            `json:"load"`
	About    string            `json:"about"`
	InFlight int               `json:"in_flight"`
	Turns    map[string][]turn `json:"turns"`
}

// pair is a system's two processes.
type pair struct {
	system         system
	server, client *child
}

// measure starts all processes, lets them take turns, and stops them.
func (p plan) measure(ctx context.Context) (results []result, err error) {
	var pairs []*pair
	defer func() {
		for _, started := range pairs {
			started.stop()
		}
	}()
	for _, s := range p.systems {
		started, err := p.start(ctx, s)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, started)
	}
	for _, l := range p.loads {
		for _, inFlight := range p.inFlight {
			measured := result{Load: l.name, About: l.about, InFlight: inFlight, Turns: map[string][]turn{}}
			for round := range p.rounds {
				for _, next := range pairs {
					progress("%s, %d in flight, round %d of %d: %s", l.about, inFlight, round+1, p.rounds, next.system.name)
					done, err := p.takeTurn(next, l, inFlight)
					if err != nil {
						progress("")
						return nil, err
					}
					measured.Turns[next.system.name] = append(measured.Turns[next.system.name], done)
				}
			}
			progress("")
			results = append(results, measured)
		}
	}
	return results, nil
}

// progress replaces the last line of a terminal; elsewhere it says nothing.
func progress(format string, arguments ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, arguments...)
	}
}

func (p plan) start(ctx context.Context, s system) (*pair, error) {
	server, hello, err := startChild(ctx, s.name+" server", "serve", "-system", s.name, "-profile", p.profile(s, "server"))
	if err != nil {
		return nil, err
	}
	client, _, err := startChild(ctx, s.name+" client", "load", "-system", s.name, "-address", hello.Address, "-profile", p.profile(s, "client"))
	if err != nil {
		server.stop()
		return nil, err
	}
	return &pair{s, server, client}, nil
}

func (p *pair) stop() {
	p.client.stop()
	p.server.stop()
}

func (p plan) takeTurn(of *pair, l load, inFlight int) (turn, error) {
	if p.warmUp > 0 {
		if _, err := of.client.do(command{Load: l.name, InFlight: inFlight, Lasting: p.warmUp}); err != nil {
			return turn{}, err
		}
	}
	before, err := of.server.do(command{})
	if err != nil {
		return turn{}, err
	}
	calls, err := of.client.do(command{Load: l.name, InFlight: inFlight, Lasting: p.lasting})
	if err != nil {
		return turn{}, err
	}
	after, err := of.server.do(command{})
	if err != nil {
		return turn{}, err
	}
	if calls.Calls == 0 {
		return turn{}, fmt.Errorf("%s: no call ended within %v", of.system.name, p.lasting)
	}
	return turn{Client: calls, Server: after.Usage.since(before.Usage)}, nil
}

// profile returns the file for the CPU profile of a process, "" for none.
func (p plan) profile(s system, role string) string {
	if p.profiles == "" {
		return ""
	}
	return filepath.Join(p.profiles, s.name+"-"+role+".prof")
}

// startProfile profiles this process until stop is called. Without a file it does nothing.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// turn is one attack on one system.
type turn struct {
	Quiet    experience // of the well-behaved client, before
	Attacked experience // during the attack
	After    experience
	Before   level // of the server
	Peak     memory
	Spoils   spoils
	Dead     bool // the server's process has ended
}

// grown returns how much more memory the server had, at most, than in quiet.
func (t turn) grown() int64 { return int64(t.Peak.Resident) - int64(t.Before.Now.Resident) }

// lost returns how many calls of the well-behaved client have failed, or taken longer than it had patience.
func (t turn) lost() int { return t.Attacked.Lost + t.After.Lost }

// result is every turn of every system under one attack, turns[system][round].
type result struct {
	attack      attack
	connections int
	turns       map[string][]turn
}

// The orders that a server knows besides the question how it is.
const (
	settleOrder = "settle"
	stacksOrder = "stacks"
	levelOrder  = "level"
)

// How long the client is watched before the attack and after it.
const (
	quietTime = 100 * time.Millisecond
	afterTime = 50 * time.Millisecond
)

// measure lets the systems take their turns.
func (p plan) measure(ctx context.Context) ([]result, error) {
	var results []result
	for _, a := range p.attacks {
		for _, connections := range p.connections {
			r := result{attack: a, connections: connections, turns: map[string][]turn{}}
			for round := range p.rounds {
				for _, s := range p.systems {
					if !a.concerns(s) {
						continue
					}
					if !p.verbose {
						progress("%s, %d connections, round %d of %d: %s", a.name, connections, round+1, p.rounds, s.name)
					}
					t, err := p.takeTurn(ctx, s, a, connections)
					if err != nil {
						return nil, fmt.Errorf("%s against %s: %w", a.name, s.name, err)
					}
					r.turns[s.name] = append(r.turns[s.name], t)
					if p.verbose {
						tell(a, connections, s, t)
					}
				}
			}
			results = append(results, r)
		}
	}
	progress("")
	return results, nil
}

// scene is a server that is attacked, and its client.
type scene struct {
	server, caller *child
	address        string // the server's
}

func (s *scene) end() {
	for _, c := range []*child{s.caller, s.server} {
		if c != nil {
			c.stop()
		}
	}
}

// takeTurn starts the processes, lets them do their work and stops them.
func (p plan) takeTurn(ctx context.Context, s system, a attack, connections int) (t turn, err error) {
	var on scene
	defer on.end()
	if err := on.startServer(ctx, s, a.secure); err != nil {
		return t, err
	}
	return on.suffer(ctx, a, connections, p.lasting, p.share)
}

// startServer starts a server and its well-behaved client.
func (s *scene) startServer(ctx context.Context, of system, secure bool) error {
	var hello ready
	var err error
	if s.server, hello, err = startChild(ctx, serveRole, "-system", of.name, "-tls="+strconv.FormatBool(secure)); err != nil {
		return err
	}
	s.address = hello.Address
	s.caller, _, err = startChild(ctx, callRole, "-system", of.name, "-address", hello.Address, "-roots", hex.EncodeToString(hello.Roots))
	return err
}

// suffer lets an attacker come.
func (s *scene) suffer(ctx context.Context, a attack, connections int, lasting time.Duration, share float64) (t turn, err error) {
	attacker, _, err := startChild(ctx, attackRole, "-attack", a.name, "-address", s.address,
		"-connections", strconv.Itoa(connections), "-share", fmt.Sprint(share))
	if err != nil {
		return t, err
	}
	defer attacker.stop()
	if err := attacker.holdBack(); err != nil {
		return t, err
	}
	if err := s.play(ctx, attacker, lasting, &t); err != nil {
		// A server that an attack has ended is a result. Is it that?
		if s.server.ask(levelOrder, &level{}) != nil && ctx.Err() == nil {
			t.Dead = true
			return t, nil
		}
		return t, err
	}
	return t, nil
}

// play is the turn itself.
func (s *scene) play(ctx context.Context, attacker *child, lasting time.Duration, t *turn) error {
	if !pause(ctx, quietTime) {
		return ctx.Err()
	}
	var during level
	err := errors.Join(
		s.server.ask(settleOrder, &t.Before),
		s.caller.ask("", &t.Quiet),
		s.server.ask(levelOrder, &t.Before),
		attacker.ask("begin", &spoils{}),
	)
	if err != nil {
		return err
	}
	if !pause(ctx, lasting) {
		return ctx.Err()
	}
	if err := s.caller.ask("", &t.Attacked); err != nil {
		return err
	}
	if err := attacker.ask("end", &t.Spoils); err != nil {
		return err
	}
	if !pause(ctx, afterTime) {
		return ctx.Err()
	}
	if err := s.caller.ask("", &t.After); err != nil {
		return err
	}
	if err := s.server.ask(levelOrder, &during); err != nil {
		return err
	}
	t.Peak = during.Peak
	return nil
}

// progress shows on a terminal what is going on, in the place of what was shown before.
func progress(format string, arguments ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, arguments...)
	}
}

// tell prints a turn.
func tell(a attack, connections int, s system, t turn) {
	if t.Dead {
		fmt.Printf("%-26s %3d %-9s the server is dead\n", a.name, connections, s.name)
		return
	}
	fmt.Printf("%-26s %3d %-9s p50 %7.2f p99 %7.2f max %7.2f ms (quiet p99 %.2f), lost %d of %d; memory %+.1f MiB (heap %+.1f), %d goroutines; sent %d frames, %.1f MiB, %d connections, %d thrown out, CPU %v%s\n",
		a.name, connections, s.name, milliseconds(t.Attacked.P50), milliseconds(t.Attacked.P99), milliseconds(t.Attacked.Longest), milliseconds(t.Quiet.P99),
		t.lost(), t.Attacked.Calls, mebibytes(t.grown()), mebibytes(int64(t.Peak.Heap)-int64(t.Before.Now.Heap)), t.Peak.Goroutines,
		t.Spoils.Frames, mebibytes(t.Spoils.Bytes), t.Spoils.Connections, t.Spoils.Thrown, t.Spoils.CPU.Round(time.Millisecond), t.Attacked.why())
}

func (e experience) why() string {
	if e.Why == "" {
		return ""
	}
	return "; " + e.Why
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// conductor lets contestants take turns.
type conductor struct {
	programs map[string]string // by system
	rounds   int
	turn     time.Duration
	warmUp   time.Duration // before each turn, not measured
	profiles string        // where CPU profiles go, "" for none

	certificates string                    // the folder of the certificate, made when a setup wants one
	systems      map[string]outcome.System // what the processes have said of themselves
}

// company is a contestant's processes.
type company struct {
	contestant plan.Contestant
	server     *process
	edge       *process // nil if there is none
	client     *process
}

// start starts a contestant.
func (c *conductor) start(ctx context.Context, contestant plan.Contestant) (started *company, err error) {
	started = &company{contestant: contestant}
	defer func() {
		if err != nil {
			started.stop()
		}
	}()
	if contestant.Setup.Certificates != "" {
		if contestant.Setup.Certificates, err = c.certificate(); err != nil {
			return nil, err
		}
	}
	serving, calling := contestant.System, contestant.System
	if contestant.Behind != "" {
		serving, calling = contestant.Behind, plan.REST
	}
	var hello harness.Ready
	if started.server, hello, err = c.launch(ctx, harness.RoleServer, serving, "", contestant); err != nil {
		return nil, err
	}
	if contestant.Behind != "" {
		if started.edge, hello, err = c.launch(ctx, harness.RoleEdge, contestant.System, hello.Address, contestant); err != nil {
			return nil, err
		}
	}
	started.client, _, err = c.launch(ctx, harness.RoleClient, calling, hello.Address, contestant)
	return started, err
}

// launch starts a process of a contestant. An edge's contestant has processes of several systems.
func (c *conductor) launch(ctx context.Context, role, system, address string, of plan.Contestant) (*process, harness.Ready, error) {
	encoded, err := json.Marshal(of.Setup)
	if err != nil {
		return nil, harness.Ready{}, err
	}
	arguments := []string{role, "-system", system, "-address", address, "-setup", string(encoded)}
	if c.profiles != "" {
		arguments = append(arguments, "-profile", c.profileOf(of.Label, role))
	}
	started, hello, err := startProcess(ctx, of.Label+" "+role, of.Environment, c.programs[system], arguments...)
	if err == nil {
		if c.systems == nil {
			c.systems = map[string]outcome.System{}
		}
		c.systems[system] = outcome.System{Settings: hello.Settings, Versions: hello.Versions}
	}
	return started, hello, err
}

// profileOf is where a process writes its CPU profile.
func (c *conductor) profileOf(label, role string) string {
	return filepath.Join(c.profiles, strings.ReplaceAll(label, " ", "-")+"-"+role+".prof")
}

func (c *conductor) certificate() (string, error) {
	if c.certificates != "" {
		return c.certificates, nil
	}
	folder, err := os.MkdirTemp("", "bench-certificate-")
	if err != nil {
		return "", err
	}
	c.certificates = folder
	return folder, harness.CreateCertificate(folder)
}

// close removes what the conductor has made.
func (c *conductor) close() {
	if c.certificates != "" {
		os.RemoveAll(c.certificates)
	}
}

func (c *company) stop() {
	for _, p := range []*process{c.client, c.edge, c.server} {
		if p != nil {
			p.stop()
		}
	}
}

// play measures a section. It goes through all cells in every round, so that a noisy half minute spoils a few rounds of
// each and not all rounds of one.
func (c *conductor) play(ctx context.Context, section plan.Section) (measured outcome.Section, err error) {
	measured = outcome.Section{Name: section.Name, Title: section.Title}
	companies := map[string]*company{}
	defer func() {
		for _, started := range companies {
			started.stop()
		}
	}()
	for _, contestant := range section.Contestants {
		if companies[contestant.Label], err = c.start(ctx, contestant); err != nil {
			delete(companies, contestant.Label)
			return measured, err
		}
	}
	if section.Calibrate {
		if measured.Peak, err = c.peak(companies[plan.Baseline]); err != nil {
			return measured, err
		}
	}
	for _, cell := range section.Cells {
		described, err := describe(cell, measured.Peak)
		if err != nil {
			return measured, err
		}
		measured.Cells = append(measured.Cells, described)
	}
	for round := range c.rounds {
		for i, cell := range section.Cells {
			for _, contestant := range section.Contestants {
				if !cell.Plays(contestant.Label) {
					continue
				}
				progress("%s: round %d of %d: %s, %s", section.Name, round+1, c.rounds, cell.Name, contestant.Label)
				done, err := c.takeTurn(companies[contestant.Label], measured.Cells[i], uint64(round))
				if err != nil {
					return measured, fmt.Errorf("%s, %s: %w", section.Name, cell.Name, err)
				}
				measured.Cells[i].Turns[contestant.Label] = append(measured.Cells[i].Turns[contestant.Label], done)
			}
			if err := ctx.Err(); err != nil {
				return measured, err
			}
		}
	}
	progress("")
	return measured, nil
}

// describe returns a cell without turns.
func describe(cell plan.Cell, peak float64) (outcome.Cell, error) {
	l, err := harness.FindLoad(cell.Load)
	return outcome.Cell{
		Name: cell.Name, Load: cell.Load, About: l.About, Unit: l.Unit, Bytes: l.Bytes, InFlight: cell.InFlight,
		Rate: cell.OfPeak * peak, OfPeak: cell.OfPeak, Longer: cell.Longer, Turns: map[string][]outcome.Turn{},
	}, err
}

// peak returns the highest rate of a contestant's closed loop, the median of as many turns as there are rounds.
func (c *conductor) peak(of *company) (float64, error) {
	best := 0.0
	for _, inFlight := range []int{64, 512} {
		var rates []float64
		for range c.rounds {
			progress("peak rate of %s, %d in flight", of.contestant.Label, inFlight)
			cell := outcome.Cell{Load: "charge", InFlight: inFlight}
			done, err := c.takeTurn(of, cell, 0)
			if err != nil {
				return 0, err
			}
			rates = append(rates, outcome.Rate.Of(cell, done))
		}
		best = max(best, outcome.MedianOf(rates).Median)
	}
	return best, nil
}

// takeTurn plays a cell once, after a warm-up.
func (c *conductor) takeTurn(on *company, cell outcome.Cell, seed uint64) (outcome.Turn, error) {
	order := harness.Command{Do: harness.DoLoad, Load: cell.Load, InFlight: cell.InFlight, Rate: cell.Rate, Seed: seed}
	if c.warmUp > 0 {
		order.Lasting = c.warmUp
		if _, err := on.client.do(order); err != nil {
			return outcome.Turn{}, err
		}
	}
	order.Lasting = c.turn * time.Duration(max(1, cell.Longer))
	watch := watchOthers()
	before, err := on.usages()
	if err != nil {
		return outcome.Turn{}, err
	}
	played, err := on.client.do(order)
	if err != nil {
		return outcome.Turn{}, err
	}
	after, err := on.usages()
	if err != nil {
		return outcome.Turn{}, err
	}
	if played.Units == 0 {
		return outcome.Turn{}, fmt.Errorf("%s: nothing ended within %v", on.contestant.Label, order.Lasting)
	}
	done := outcome.Turn{Client: played, Server: after[on.server].Since(before[on.server])}
	own := done.Client.Usage.CPU + done.Server.CPU
	if on.edge != nil {
		edge := after[on.edge].Since(before[on.edge])
		done.Edge = &edge
		own += edge.CPU
	}
	done.Others = watch(own)
	return done, nil
}

// usages asks all processes but the client, whose report has its own.
func (c *company) usages() (map[*process]harness.Usage, error) {
	all := map[*process]harness.Usage{}
	for _, p := range []*process{c.server, c.edge} {
		if p == nil {
			continue
		}
		now, err := p.usage()
		if err != nil {
			return nil, err
		}
		all[p] = now
	}
	return all, nil
}

// progress replaces the last line of a terminal; elsewhere it says nothing.
func progress(format string, arguments ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, arguments...)
	}
}

// systemsOf returns the systems whose programs a section needs.
func systemsOf(sections ...plan.Section) []string {
	found := map[string]bool{}
	for _, s := range sections {
		for _, contestant := range s.Contestants {
			found[contestant.System] = true
			if contestant.Behind != "" {
				found[contestant.Behind], found[plan.REST] = true, true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// without leaves out the contestants whose systems are missing.
func without(section plan.Section, missing map[string]string) plan.Section {
	section.Contestants = slices.DeleteFunc(slices.Clone(section.Contestants), func(c plan.Contestant) bool {
		return missing[c.System] != "" || missing[c.Behind] != ""
	})
	return section
}

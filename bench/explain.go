// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/farcall/farcall/bench/attribution"
	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
	"github.com/farcall/farcall/bench/report"
)

// runExplain profiles what the plan says, puts it into the results that are there, and makes the pages anew.
func runExplain(ctx context.Context, arguments []string, out io.Writer, build builder) error {
	var c conductor
	defer c.close()
	flags := flag.NewFlagSet("bench explain", flag.ContinueOnError)
	turn := flags.Duration("turn", plan.ProfileTurn, "how long each system is profiled at each load")
	keep := flags.String("cpuprofile", "", "`folder` where the profiles are kept, for go tool pprof")
	folder := flags.String("out", "results", "`folder` of the results")
	document := flags.String("document", "", "`file` whose blocks are filled, such as ../docs/performance.md")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	if *turn <= 0 {
		return errors.New("-turn must be positive")
	}
	results, err := outcome.Read(filepath.Join(*folder, resultsFile))
	if err != nil {
		return fmt.Errorf("profiles are shown beside results, which `go run . run` measures: %w", err)
	}
	if c.programs, _, err = build(ctx, systemsOf(plan.Profiled...)); err != nil {
		return err
	}
	c.warmUp, c.profiles = 200*time.Millisecond, *keep
	if results.Profiles, err = c.explain(ctx, plan.Profiled, *turn); err != nil {
		return err
	}
	if err := results.Write(filepath.Join(*folder, resultsFile)); err != nil {
		return err
	}
	fmt.Fprintln(out, report.Profiles(results))
	return writePages(results, *folder, *document)
}

// explain profiles the contestants of the sections, for one turn at each load that they play.
func (c *conductor) explain(ctx context.Context, sections []plan.Section, turn time.Duration) (*outcome.Profiles, error) {
	profiling := *c
	profiling.rounds, profiling.turn, profiling.systems = 1, turn, nil
	if profiling.profiles == "" {
		folder, err := os.MkdirTemp("", "bench-profiles-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(folder)
		profiling.profiles = folder
	}
	defer func() { c.certificates = profiling.certificates }()
	all := &outcome.Profiles{Began: time.Now(), Turn: turn}
	for _, section := range sections {
		for _, cell := range section.Cells {
			explained, err := profiling.explainCell(ctx, section, cell)
			if err != nil {
				return nil, err
			}
			all.All = append(all.All, explained...)
		}
	}
	return all, nil
}

// explainCell profiles those who play a cell, in processes of their own: they write their profiles when they end.
func (c *conductor) explainCell(ctx context.Context, section plan.Section, cell plan.Cell) ([]outcome.Profile, error) {
	one := *c
	one.profiles = filepath.Join(c.profiles, cell.Name)
	section.Cells = []plan.Cell{cell}
	section.Contestants = slices.DeleteFunc(slices.Clone(section.Contestants), func(of plan.Contestant) bool { return !cell.Plays(of.Label) })
	measured, err := one.play(ctx, section)
	if err != nil {
		return nil, err
	}
	var all []outcome.Profile
	for _, contestant := range section.Contestants {
		client, err := one.readProfile(contestant, harness.RoleClient)
		if err != nil {
			return nil, err
		}
		server, err := one.readProfile(contestant, harness.RoleServer)
		if err != nil {
			return nil, err
		}
		played := measured.Cells[0]
		all = append(all, outcome.Explain(contestant.System, played, played.Turns[contestant.Label][0], client, server))
	}
	return all, nil
}

// readProfile reads what a process has written. The floor is a main program; those of the others have but the service.
func (c *conductor) readProfile(of plan.Contestant, role string) (*attribution.Profile, error) {
	path := c.profileOf(of.Label, role)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	program := attribution.Harness
	if of.System == plan.Floor {
		program = attribution.Floor
	}
	read, err := attribution.Read(file, program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return read, nil
}

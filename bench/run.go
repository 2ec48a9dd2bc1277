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
	"strings"
	"time"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// The parts of a run that are no sections of the plan.
const (
	partIdle     = "idle"
	partCold     = "cold"
	partBinaries = "binaries"
	partProfiles = "profiles"
)

// runAll is `make bench`: it measures everything, and writes the results and the pages.
func runAll(ctx context.Context, arguments []string, out io.Writer, build builder) (err error) {
	c := &conductor{}
	defer c.close()
	flags := flag.NewFlagSet("bench run", flag.ContinueOnError)
	c.timing(flags, 7, time.Second, 200*time.Millisecond)
	short := flags.Bool("short", false, "five rounds of a quarter of a second: for work on the bench, not for figures")
	only := flags.String("only", strings.Join(partNames(), ","), "`list` of the parts that are measured")
	folder := flags.String("out", "results", "`folder` for the results")
	document := flags.String("document", "", "`file` whose blocks are filled, such as ../docs/performance.md")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	if *short {
		c.rounds, c.turn, c.warmUp = 5, 250*time.Millisecond, 50*time.Millisecond
	}
	parts := strings.Split(*only, ",")
	if err := errors.Join(c.checkTiming(), checkParts(parts)); err != nil {
		return err
	}
	results := &outcome.Results{Began: time.Now(), Machine: thisMachine(), Rounds: c.rounds, Turn: c.turn, WarmUp: c.warmUp}
	if c.programs, results.Missing, err = build(ctx, plan.AllSystems()); err != nil {
		return err
	}
	failure := c.measure(ctx, parts, *short, results)
	results.Ended, results.Machine.LoadAfter, results.Systems = time.Now(), loadAverages(), c.systems
	if failure != nil && len(results.Sections) == 0 { // what was measured before a failure is worth keeping
		return failure
	}
	if err := os.MkdirAll(*folder, 0o755); err != nil {
		return errors.Join(failure, err)
	}
	if err := results.Write(filepath.Join(*folder, resultsFile)); err != nil {
		return errors.Join(failure, err)
	}
	if err := writePages(results, *folder, *document); err != nil {
		return errors.Join(failure, err)
	}
	outcome.WriteVerdicts(out, outcome.Goals(), results)
	return failure
}

func partNames() []string {
	var names []string
	for _, section := range plan.Sections {
		names = append(names, section.Name)
	}
	return append(names, partIdle, partCold, partBinaries, partProfiles)
}

func checkParts(parts []string) error {
	for _, part := range parts {
		if !slices.Contains(partNames(), part) {
			return fmt.Errorf("-only: no part %q; there are: %s", part, strings.Join(partNames(), ", "))
		}
	}
	return nil
}

// profileTurn is how long a system is profiled at a load.
func profileTurn(short bool) time.Duration {
	if short {
		return plan.ProfileTurn / 10
	}
	return plan.ProfileTurn
}

// playAgain measures a section, a second time if the first fails: one peer that stumbles once does not end a long run.
func (c *conductor) playAgain(ctx context.Context, section plan.Section) (outcome.Section, error) {
	measured, err := c.play(ctx, section)
	if err == nil || ctx.Err() != nil {
		return measured, err
	}
	progress("%s: failed, and is measured again: %v", section.Title, err)
	return c.play(ctx, section)
}

// measure fills the results. A section that fails twice is left out, and is in the error.
func (c *conductor) measure(ctx context.Context, parts []string, short bool, results *outcome.Results) error {
	var failures []error
	for _, section := range plan.Sections {
		if !slices.Contains(parts, section.Name) {
			continue
		}
		measured, err := c.playAgain(ctx, without(section, results.Missing))
		if ctx.Err() != nil {
			return err
		}
		if err != nil { // the others are worth measuring all the same
			failures = append(failures, fmt.Errorf("%s: %w", section.Title, err))
			continue
		}
		results.Sections = append(results.Sections, measured)
	}
	if slices.Contains(parts, partIdle) {
		for _, planned := range plan.IdleConnections(short) {
			if results.Missing[planned.System] != "" {
				continue
			}
			weighed, err := c.weighIdle(ctx, planned)
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", planned.System, err))
				continue
			}
			results.Idle = append(results.Idle, weighed)
		}
	}
	var err error
	if slices.Contains(parts, partCold) {
		results.Cold, err = c.startCold(ctx, results.Missing)
		failures = append(failures, err)
	}
	if slices.Contains(parts, partBinaries) {
		results.Binaries, err = weighBinaries(ctx)
		failures = append(failures, err)
	}
	if slices.Contains(parts, partProfiles) {
		results.Profiles, err = c.explain(ctx, plan.Profiled, profileTurn(short))
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

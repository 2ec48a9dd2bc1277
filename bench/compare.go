// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// runCompare measures what the flags say and prints tables: for work on one thing.
func runCompare(ctx context.Context, arguments []string, out io.Writer, build builder) error {
	var c conductor
	defer c.close()
	flags := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	c.timing(flags, 5, time.Second, 200*time.Millisecond)
	systems := flags.String("systems", "farcall,grpc-go,floor", "`list` of the systems that take turns")
	loads := flags.String("loads", "charge", "`list` of loads, of "+loadNames())
	inFlight := flags.String("inflight", "1,64", "`list` of how many calls are in flight at a time")
	setupText := flags.String("setup", "{}", "the setup in JSON, such as "+`{"gzip":true}`)
	if err := errors.Join(parse(flags, arguments), c.checkTiming()); err != nil {
		return err
	}
	section, err := sectionOf(*systems, *loads, *inFlight, *setupText)
	if err != nil {
		return err
	}
	var missing map[string]string
	if c.programs, missing, err = build(ctx, systemsOf(section)); err != nil {
		return err
	}
	for name, reason := range missing {
		return fmt.Errorf("%s cannot be built: %s", name, reason)
	}
	measured, err := c.play(ctx, section)
	if err != nil {
		return err
	}
	outcome.WriteComparison(out, measured, strings.Split(*systems, ","))
	return nil
}

func loadNames() string {
	var names []string
	for _, l := range harness.Loads {
		names = append(names, l.Name)
	}
	return strings.Join(names, ",")
}

func sectionOf(systems, loads, inFlight, setupText string) (plan.Section, error) {
	section := plan.Section{Name: "compare"}
	setup, err := harness.ParseSetup(setupText)
	if err != nil {
		return section, err
	}
	for _, name := range strings.Split(systems, ",") {
		if !slices.Contains(plan.CallingSystems(), name) {
			return section, fmt.Errorf("no system %q; there are: %s", name, strings.Join(plan.CallingSystems(), ", "))
		}
		section.Contestants = append(section.Contestants, plan.Contestant{Label: name, System: name, Setup: setup})
	}
	for _, load := range strings.Split(loads, ",") {
		if _, err := harness.FindLoad(load); err != nil {
			return section, err
		}
		for _, text := range strings.Split(inFlight, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return section, fmt.Errorf("-inflight %q: want positive numbers separated by commas", inFlight)
			}
			section.Cells = append(section.Cells, plan.Cell{Name: load + "-" + text, Load: load, InFlight: n})
		}
	}
	return section, nil
}

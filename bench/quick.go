// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// timing adds the flags that say how long turns are.
func (c *conductor) timing(flags *flag.FlagSet, rounds int, turn, warmUp time.Duration) {
	flags.IntVar(&c.rounds, "rounds", rounds, "how often each system has its turn")
	flags.DurationVar(&c.turn, "turn", turn, "how long a turn is")
	flags.DurationVar(&c.warmUp, "warmup", warmUp, "how long a system runs unmeasured before each turn")
	flags.StringVar(&c.profiles, "cpuprofile", "", "`folder` for a CPU profile of each process")
}

func (c *conductor) checkTiming() error {
	if c.rounds < 1 || c.turn <= 0 {
		return errors.New("-rounds and -turn must be positive")
	}
	return nil
}

// runQuick measures the goals that the work on speed is steered by in short alternating rounds, prints a line for each, and
// fails if one is short or was not measured.
func runQuick(ctx context.Context, arguments []string, out io.Writer, build builder) error {
	var c conductor
	defer c.close()
	flags := flag.NewFlagSet("bench quick", flag.ContinueOnError)
	c.timing(flags, 12, 850*time.Millisecond, 150*time.Millisecond)
	if err := errors.Join(parse(flags, arguments), c.checkTiming()); err != nil {
		return err
	}
	var err error
	if c.programs, _, err = build(ctx, systemsOf(plan.Quick)); err != nil {
		return err
	}
	measured, err := c.play(ctx, plan.Quick)
	if err != nil {
		return err
	}
	results := &outcome.Results{Sections: []outcome.Section{measured}}
	err = judge(out, outcome.QuickGoals(), results)
	fmt.Fprintf(os.Stderr, "Others used %.2f processors meanwhile (median of the turns).\n", results.Others())
	return err
}

// judge prints the goals, and fails if one is short or was not measured.
func judge(out io.Writer, goals []outcome.Goal, results *outcome.Results) (err error) {
	short, missing := outcome.WriteVerdicts(out, goals, results)
	if short > 0 {
		err = fmt.Errorf("%d of %d are short of their target", short, len(goals))
	}
	if missing > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d were not measured", missing, len(goals)))
	}
	return err
}

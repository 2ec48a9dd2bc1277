// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// goal is one number to reach: farcall's, divided by another system's in the same round.
type goal struct {
	name     string // without spaces, so that the output can be cut into columns
	load     string
	inFlight int
	metric   metric
	against  string  // a system
	target   float64 // the ratio may be this much at most; where higher is better, it has to be this much at least
}

// quickGoals are the rows that the work on speed is steered by.
var quickGoals = []goal{
	{"charge-64-cpu", "charge", 64, bothCPU, "grpc-go", 1.0 / 4},
	{"charge-64-cpu", "charge", 64, bothCPU, "floor", 1.3},
	{"charge-512-rate", "charge", 512, rate, "grpc-go", 5},
	{"charge-1-p50", "charge", 1, p50, "grpc-go", 0.6},
	{"charge-1-p50", "charge", 1, p50, "floor", 1.4},
	{"charge50-64-cpu", "charge-50", 64, bothCPU, "grpc-go", 1.0 / 3},
	{"charge50-64-cpu", "charge-50", 64, bothCPU, "floor", 1.3},
	{"charge-64-cpu", "charge", 64, bothCPU, "http-json", 1.0 / 5},
}

const subject = "farcall"

// ratios returns the subject's number over the other's, round by round.
func (g goal) ratios(of map[string][]turn) []float64 {
	var all []float64
	for round, own := range of[subject] {
		all = append(all, g.metric.of(own)/g.metric.of(of[g.against][round]))
	}
	return all
}

// verdict is "short" only when all of the interval is beyond the target.
func (g goal) verdict(ratio interval) string {
	if g.metric.higher && ratio.High < g.target || !g.metric.higher && ratio.Low > g.target {
		return "short"
	}
	return "ok"
}

// contest is a load with a number of calls in flight, and the systems that take turns at it.
type contest struct {
	load     load
	inFlight int
	systems  []system
}

// contestsFor returns what has to be measured for the goals, each turn once.
func contestsFor(goals []goal) ([]contest, error) {
	var all []contest
	for _, g := range goals {
		at := -1
		for i, c := range all {
			if c.load.name == g.load && c.inFlight == g.inFlight {
				at = i
			}
		}
		if at < 0 {
			l, err := findLoad(g.load)
			if err != nil {
				return nil, err
			}
			own, err := findSystem(subject)
			if err != nil {
				return nil, err
			}
			at = len(all)
			all = append(all, contest{l, g.inFlight, []system{own}})
		}
		other, err := findSystem(g.against)
		if err != nil {
			return nil, err
		}
		if !containsSystem(all[at].systems, other.name) {
			all[at].systems = append(all[at].systems, other)
		}
	}
	return all, nil
}

func containsSystem(all []system, name string) bool {
	for _, s := range all {
		if s.name == name {
			return true
		}
	}
	return false
}

// quick measures the goals in short alternating rounds, prints a line for each, and fails if one is short.
func quick(ctx context.Context, arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench quick", flag.ContinueOnError)
	rounds := flags.Int("rounds", 12, "how often each system has its turn")
	lasting := flags.Duration("turn", 850*time.Millisecond, "how long a turn is")
	warmUp := flags.Duration("warmup", 150*time.Millisecond, "how long a system runs unmeasured before each turn")
	profiles := flags.String("cpuprofile", "", "`directory` for a CPU profile of each process")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 || *rounds < 1 || *lasting <= 0 {
		return errors.New("bench quick: want no arguments, and -rounds and -turn above zero")
	}
	p := plan{rounds: *rounds, lasting: *lasting, warmUp: *warmUp, profiles: *profiles}
	measured, err := p.measureGoals(ctx, quickGoals)
	if err != nil {
		return err
	}
	if short := reportGoals(out, quickGoals, measured); short > 0 {
		return fmt.Errorf("%d of %d are short of their target", short, len(quickGoals))
	}
	return nil
}

// measureGoals goes through all contests in every round, so that a noisy half minute spoils a few rounds of each and
// not all rounds of one.
func (p plan) measureGoals(ctx context.Context, goals []goal) (map[contestKey]map[string][]turn, error) {
	contests, err := contestsFor(goals)
	if err != nil {
		return nil, err
	}
	pairs := map[string]*pair{}
	defer func() {
		for _, started := range pairs {
			started.stop()
		}
	}()
	measured := map[contestKey]map[string][]turn{}
	for round := range p.rounds {
		for _, c := range contests {
			key := contestKey{c.load.name, c.inFlight}
			if measured[key] == nil {
				measured[key] = map[string][]turn{}
			}
			for _, s := range c.systems {
				progress("round %d of %d: %s, %d in flight: %s", round+1, p.rounds, c.load.about, c.inFlight, s.name)
				if pairs[s.name] == nil {
					if pairs[s.name], err = p.start(ctx, s); err != nil {
						delete(pairs, s.name)
						return nil, err
					}
				}
				done, err := p.takeTurn(pairs[s.name], c.load, c.inFlight)
				if err != nil {
					return nil, err
				}
				measured[key][s.name] = append(measured[key][s.name], done)
			}
		}
	}
	progress("")
	return measured, nil
}

type contestKey struct {
	load     string
	inFlight int
}

// reportGoals prints `name ratio low..high target ok|short` for each goal, and returns how many are short.
func reportGoals(out io.Writer, goals []goal, measured map[contestKey]map[string][]turn) int {
	short := 0
	for _, g := range goals {
		ratio := medianOf(g.ratios(measured[contestKey{g.load, g.inFlight}]))
		verdict, sign := g.verdict(ratio), "<="
		if verdict == "short" {
			short++
		}
		if g.metric.higher {
			sign = ">="
		}
		fmt.Fprintf(out, "%-29s %6.3f %6.3f..%-6.3f %s%.3f %s\n", g.name+"/"+g.against, ratio.Median, ratio.Low, ratio.High, sign, g.target, verdict)
	}
	return short
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := runProgram(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runProgram is the parent, or one of its children if the first argument says so.
func runProgram(ctx context.Context, arguments []string, out io.Writer) error {
	if len(arguments) > 0 && (arguments[0] == "serve" || arguments[0] == "load") {
		return runChild(arguments[0], arguments[1:])
	}
	if len(arguments) > 0 && arguments[0] == "quick" {
		return quick(ctx, arguments[1:], out)
	}
	p, err := parsePlan(arguments)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	results, err := p.measure(ctx)
	if err != nil {
		return err
	}
	return p.publish(out, results)
}

// plan is what the flags ask for.
type plan struct {
	systems  []system
	loads    []load
	inFlight []int
	rounds   int
	lasting  time.Duration // of a turn
	warmUp   time.Duration // before each turn, not measured
	profiles string        // where CPU profiles go, "" for none
	out      string        // the result files without their extension, "" for none
}

func parsePlan(arguments []string) (plan, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	systemNames := flags.String("systems", namesOf(systems, func(s system) string { return s.name }), "`list` of the systems that take turns")
	loadNames := flags.String("loads", "charge", "`list` of loads, of "+namesOf(loads, func(l load) string { return l.name }))
	inFlight := flags.String("inflight", "1,64", "`list` of how many calls are in flight at a time")
	rounds := flags.Int("rounds", 5, "how often each system has its turn")
	seconds := flags.Float64("seconds", 2, "how long a turn is")
	warmUp := flags.Duration("warmup", 200*time.Millisecond, "how long a system runs unmeasured before each turn")
	profiles := flags.String("cpuprofile", "", "`directory` for a CPU profile of each process")
	out := flags.String("out", filepath.Join("results", "unary"), "`name` of the result files, without .json and .md; empty for none")
	if err := flags.Parse(arguments); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("unexpected argument %q: lists are separated by commas, without spaces", flags.Arg(0))
	}
	if *rounds < 1 || *seconds <= 0 {
		return plan{}, errors.New("-rounds and -seconds must be positive")
	}
	p := plan{rounds: *rounds, lasting: time.Duration(*seconds * float64(time.Second)), warmUp: *warmUp, profiles: *profiles, out: *out}
	for _, name := range strings.Split(*systemNames, ",") {
		s, err := findSystem(name)
		if err != nil {
			return plan{}, err
		}
		p.systems = append(p.systems, s)
	}
	for _, name := range strings.Split(*loadNames, ",") {
		l, err := findLoad(name)
		if err != nil {
			return plan{}, err
		}
		p.loads = append(p.loads, l)
	}
	for _, text := range strings.Split(*inFlight, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return plan{}, fmt.Errorf("-inflight %q: want positive numbers separated by commas", *inFlight)
		}
		p.inFlight = append(p.inFlight, n)
	}
	return p, nil
}

func namesOf[T any](all []T, name func(T) string) string {
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	return strings.Join(names, ",")
}

// runChild is a server or client process. It ends when its standard input does, so it does not outlive its parent.
func runChild(role string, arguments []string) error {
	flags := flag.NewFlagSet(role, flag.ContinueOnError)
	name := flags.String("system", "", "")
	address := flags.String("address", "", "the server's, for a client")
	profile := flags.String("profile", "", "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	s, err := findSystem(*name)
	if err != nil {
		return err
	}
	stopProfile, err := startProfile(*profile)
	if err != nil {
		return err
	}
	if role == "serve" {
		err = serveSystem(s)
	} else {
		err = loadSystem(s, *address)
	}
	return errors.Join(err, stopProfile())
}

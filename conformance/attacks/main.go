// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := runProgram(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "attacks:", err)
		os.Exit(1)
	}
}

// The roles of children.
const (
	serveRole  = "serve"
	callRole   = "call"
	attackRole = "attack"
)

// isChild reports whether the arguments are those of a child.
func isChild(arguments []string) bool {
	return len(arguments) > 0 && slices.Contains([]string{serveRole, callRole, attackRole}, arguments[0])
}

// runProgram is the parent, or one of its children if the first argument says so.
func runProgram(ctx context.Context, arguments []string, out io.Writer) error {
	if isChild(arguments) {
		return runChild(arguments[0], arguments[1:])
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
	systems     []system
	attacks     []attack
	connections []int
	rounds      int
	lasting     time.Duration // of an attack
	share       float64       // of one processor, for the attacker
	document    string        // the file whose table is replaced, "" for none
	verbose     bool
	load        string // what the machine did before
}

// defaultShare of a processor is what the attacker has.
const defaultShare = 0.25

func parsePlan(arguments []string) (plan, error) {
	flags := flag.NewFlagSet("attacks", flag.ContinueOnError)
	systemNames := flags.String("systems", namesOf(systems, func(s system) string { return s.name }), "`list` of the systems that are attacked in turn")
	pattern := flags.String("attacks", "", "`expression` that the names of the attacks match; the names are: "+namesOf(everyAttack(), func(a attack) string { return a.name }))
	connections := flags.String("connections", "1,100", "`list` of how many connections the attacker has")
	rounds := flags.Int("rounds", 3, "how often each system has its turn")
	lasting := flags.Duration("lasting", 600*time.Millisecond, "how long an attack is")
	variants := flags.Bool("variants", false, "also those attacks that are much like others, which are tested and as a rule not measured")
	share := flags.Float64("share", defaultShare, "how much of one processor the attacker may use")
	document := flags.String("document", "", "`file` whose table is replaced")
	verbose := flags.Bool("v", false, "tell of every turn")
	if err := flags.Parse(arguments); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("unexpected argument %q: lists are separated by commas, without spaces", flags.Arg(0))
	}
	if *rounds < 1 || *lasting <= 0 || *share <= 0 {
		return plan{}, errors.New("-rounds, -lasting and -share must be positive")
	}
	p := plan{rounds: *rounds, lasting: *lasting, share: *share, document: *document, verbose: *verbose, load: loadBefore()}
	expression, err := regexp.Compile(*pattern)
	if err != nil {
		return plan{}, fmt.Errorf("-attacks: %w", err)
	}
	for _, a := range everyAttack() {
		if expression.MatchString(a.name) && (*variants || *pattern != "" || !a.variant) {
			p.attacks = append(p.attacks, a)
		}
	}
	if len(p.attacks) == 0 {
		return plan{}, fmt.Errorf("-attacks %q: no attack has such a name", *pattern)
	}
	for name := range strings.SplitSeq(*systemNames, ",") {
		s, err := findSystem(name)
		if err != nil {
			return plan{}, err
		}
		p.systems = append(p.systems, s)
	}
	for text := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return plan{}, fmt.Errorf("-connections %q: want positive numbers separated by commas", *connections)
		}
		p.connections = append(p.connections, n)
	}
	return p, nil
}

// runChild is a process of a turn. It ends when its standard input does, so it does not outlive its parent.
func runChild(role string, arguments []string) error {
	flags := flag.NewFlagSet(role, flag.ContinueOnError)
	name := flags.String("system", "", "")
	attackName := flags.String("attack", "", "")
	address := flags.String("address", "", "the server's")
	roots := flags.String("roots", "", "of a server that speaks TLS, DER in hexadecimal")
	secure := flags.Bool("tls", false, "")
	connections := flags.Int("connections", 1, "")
	share := flags.Float64("share", defaultShare, "")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if role == attackRole {
		a, err := findAttack(*attackName)
		if err != nil {
			return err
		}
		return attackFrom(a, *address, *connections, *share)
	}
	s, err := findSystem(*name)
	if err != nil {
		return err
	}
	if role == serveRole {
		return serveFrom(s, *secure)
	}
	der, err := hex.DecodeString(*roots)
	if err != nil {
		return fmt.Errorf("-roots: %w", err)
	}
	return callFrom(s, *address, der)
}

// serveFrom is the server's process. It answers with its level.
func serveFrom(s system, secure bool) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hello := ready{Address: listener.Addr().String()}
	own, err := serverTLS(secure)
	if err != nil {
		return err
	}
	if own != nil {
		hello.Roots = own.Certificates[0].Certificate[0]
	}
	stop, err := s.serve(listener, own)
	if err != nil {
		return err
	}
	defer stop()
	watching := startMeter()
	defer watching.stop()
	return obey(hello, func(what string) (any, error) {
		switch what {
		case settleOrder:
			settle()
		case stacksOrder:
			stacks := make([]byte, 1<<20)
			return string(stacks[:runtime.Stack(stacks, true)]), nil
		}
		return watching.read(), nil
	})
}

// callFrom is the well-behaved client's process. It answers with what it has noticed since it was asked before.
func callFrom(s system, address string, roots []byte) error {
	secure, err := clientTLS(roots)
	if err != nil {
		return err
	}
	calling, err := startSteady(s, address, secure)
	if err != nil {
		return err
	}
	defer calling.end()
	return obey(ready{}, func(string) (any, error) { return calling.next(), nil })
}

// attackFrom is the attacker's process. The first order begins the attack, the second ends it and is answered with the
// spoils.
func attackFrom(a attack, address string, connections int, share float64) error {
	runtime.GOMAXPROCS(1)
	if a.prepare != nil {
		a.prepare()
	}
	var working *attacker
	return obey(ready{}, func(string) (any, error) {
		if working == nil {
			working = startAttacker(a, address, connections, share)
			return spoils{}, nil
		}
		return working.end(), nil
	})
}

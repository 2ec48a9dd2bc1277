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
	"sort"
	"strings"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := runProgram(ctx, os.Args[1:], os.Stdout, buildSystems); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// commands are the program's; each parses its own flags.
var commands = map[string]func(ctx context.Context, arguments []string, out io.Writer, build builder) error{
	"run":     runAll,
	"page":    runPage,
	"quick":   runQuick,
	"compare": runCompare,
	"explain": runExplain,
}

func runProgram(ctx context.Context, arguments []string, out io.Writer, build builder) error {
	if len(arguments) == 0 {
		return errors.New("say what to do: " + commandNames())
	}
	command, ok := commands[arguments[0]]
	if !ok {
		return fmt.Errorf("no command %q; there are: %s", arguments[0], commandNames())
	}
	if err := command(ctx, arguments[1:], out, build); !errors.Is(err, flag.ErrHelp) {
		return err
	}
	return nil
}

func commandNames() string {
	var names []string
	for name := range commands {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// parse is flags.Parse for commands without arguments.
func parse(flags *flag.FlagSet, arguments []string) error {
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: lists are separated by commas, without spaces", flags.Arg(0))
	}
	return nil
}

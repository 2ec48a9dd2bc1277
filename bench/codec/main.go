// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := runProgram(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "codec:", err)
		os.Exit(1)
	}
}

func runProgram(arguments []string, out io.Writer) error {
	flags := flag.NewFlagSet("codec", flag.ContinueOnError)
	rounds := flags.Int("rounds", 15, "how often each system has its turn")
	lasting := flags.Duration("turn", 40*time.Millisecond, "how much processor time a turn takes")
	only := flags.String("only", "", "measure the messages whose name has this in it")
	file := flags.String("out", filepath.Join("..", "results", "codec.md"), "`file` for the tables; empty for none")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 || *rounds < 1 || *lasting <= 0 {
		return errors.New("there are no arguments but flags, and -rounds and -turn must be positive")
	}
	var results []result
	for _, l := range loads() {
		if strings.Contains(l.name, *only) {
			results = append(results, measure(l, *rounds, *lasting))
		}
	}
	page := page(results, *rounds, *lasting)
	if _, err := io.WriteString(out, page); err != nil || *file == "" {
		return err
	}
	return os.WriteFile(*file, []byte(page), 0o644)
}

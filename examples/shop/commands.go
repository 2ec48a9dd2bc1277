// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/farcall/farcall/examples/shop/internal/compare"
	"github.com/farcall/farcall/examples/shop/internal/journey"
)

// runJourney is "shop journey".
func runJourney(ctx context.Context, arguments []string, out io.Writer) error {
	flags := newFlags("shop journey", "Sends one order through both services, and shows everything that happens to it.")
	stable := flags.Bool("stable", false, "leave out times, and mask what else differs from run to run")
	svg := flags.String("svg", "", "write a picture of the journey to this `file` as well")
	if err := parseFlags(flags, arguments, 0); err != nil {
		return err
	}
	record, err := journey.Run(ctx)
	if err != nil {
		return err
	}
	if *svg != "" {
		if err := os.WriteFile(*svg, record.Picture(), 0o644); err != nil {
			return err
		}
	}
	return record.Print(out, *stable)
}

// runDocs is "shop docs".
func runDocs(ctx context.Context, arguments []string, out io.Writer) error {
	flags := newFlags("shop docs", "Writes the journey into a README, between its markers, and journey.svg into a directory.")
	if err := parseFlags(flags, arguments, 2); err != nil {
		return err
	}
	return journey.WriteDocs(ctx, flags.Arg(0), flags.Arg(1))
}

// compareFlags are those of "shop compare".
func compareFlags() (*flag.FlagSet, *compare.Options) {
	options := &compare.Options{}
	flags := newFlags("shop compare", "Compares a payment by farcall with one by JSON over HTTP/1.1, in turn, with the service in another process.")
	flags.IntVar(&options.Rounds, "rounds", 5, "how many rounds of each")
	flags.DurationVar(&options.Round, "round", time.Second, "how long a round takes")
	flags.IntVar(&options.InFlight, "in-flight", 64, "how many calls at a time")
	return flags, options
}

// runCompare is "shop compare".
func runCompare(ctx context.Context, arguments []string, out io.Writer) (err error) {
	flags, options := compareFlags()
	if err := parseFlags(flags, arguments, 0); err != nil {
		return err
	}
	if options.Rounds < 1 || options.Round <= 0 || options.InFlight < 1 {
		return fmt.Errorf("-rounds, -round and -in-flight must be more than 0")
	}
	service, err := startService(out, "compare-server")
	if err != nil {
		return fmt.Errorf("the payment service: %w", err)
	}
	defer func() { err = errors.Join(err, service.stop()) }()
	near, plain, ok := strings.Cut(service.address, " ")
	if !ok {
		return fmt.Errorf("the payment service listens on %q: two addresses were expected", service.address)
	}
	return compare.Run(ctx, near, plain, *options, out)
}

// runCompareServer is the other process of "shop compare".
func runCompareServer(ctx context.Context, arguments []string, out io.Writer) error {
	if err := parseFlags(newFlags("shop compare-server", "The service that compare measures; it ends with its standard input."), arguments, 0); err != nil {
		return err
	}
	ctx, cancel := withParent(ctx)
	defer cancel()
	return compare.Serve(ctx, func(farcallAddress, jsonAddress string) {
		fmt.Fprintf(out, "%s%s %s\n", listeningOn, farcallAddress, jsonAddress)
	})
}

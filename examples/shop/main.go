// SPDX-License-Identifier: Apache-2.0

// The shop command is farcall's example: an order service that takes REST orders, and a payment service that it calls.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `The shop: an order service with a REST API, which has its orders paid by a payment service.

  shop [-rest ADDR] [-grpc ADDR] [-v]            run both, as processes of their own
  shop order -listen ADDR -payments TARGET [-v]  run the order service: REST and gRPC on one port, by TLS with -tls-cert and -tls-key
  shop payment -listen ADDR                      run the payment service: gRPC
  shop journey [-stable] [-svg FILE]             show everything that happens to one order
  shop compare [-rounds N]                       compare with JSON over HTTP/1.1
  shop docs README.md DIR                        write the journey into the README, and DIR/journey.svg

With -v the order service prints the fourteen steps of each order. "shop COMMAND -h" lists a command's flags.
`

// commands are what shop can do besides running both services.
var commands = map[string]func(ctx context.Context, arguments []string, out io.Writer) error{
	"order":          runOrder,
	"payment":        runPayment,
	"journey":        runJourney,
	"compare":        runCompare,
	"compare-server": runCompareServer, // compare's other process
	"docs":           runDocs,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // the flag package has said what is wrong
	default:
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, out io.Writer) error {
	if len(arguments) > 0 && len(arguments[0]) > 0 && arguments[0][0] != '-' {
		command, known := commands[arguments[0]]
		if !known {
			return fmt.Errorf("there is no command %q\n\n%s", arguments[0], usage)
		}
		return command(ctx, arguments[1:], out)
	}
	return runBoth(ctx, arguments, out)
}

// errUsage is a mistake on the command line that has been reported.
var errUsage = errors.New("wrong usage")

// newFlags returns the flags of a command; parse them with parseFlags.
func newFlags(name, about string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "%s\n\n", about)
		flags.PrintDefaults()
	}
	return flags
}

// parseFlags parses a command's flags; it takes as many arguments besides as it is said to.
func parseFlags(flags *flag.FlagSet, arguments []string, others int) error {
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() != others {
		fmt.Fprintf(flags.Output(), "%s takes %d arguments besides its flags, not %d: %q\n", flags.Name(), others, flags.NArg(), flags.Args())
		flags.Usage()
		return errUsage
	}
	return nil
}

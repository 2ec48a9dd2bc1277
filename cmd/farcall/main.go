// SPDX-License-Identifier: Apache-2.0

// Command farcall is the tool beside the library. "farcall help" lists what it does.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
)

func main() {
	serveGoVet()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitCodeOf(err))
	}
}

func newCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "farcall",
		Short: "gRPC for Go, whole",
		// A mistake in a .proto file says what it is; how the command is called does not help there.
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	command.AddCommand(newGenerateCommand(), newOpenAPICommand(), newRulesCommand(), newVetCommand(), newVersionCommand())
	return command
}

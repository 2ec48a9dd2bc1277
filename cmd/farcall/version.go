// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/farcall/farcall/cmd/internal/build"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the command and of the generator linked into it",
		Args:  cobra.NoArgs,
		Run: func(command *cobra.Command, _ []string) {
			fmt.Fprintf(command.OutOrStdout(), "farcall %s (%s, %s/%s)\nprotoc-gen-go %s\n",
				build.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, build.Dependency("google.golang.org/protobuf"))
		},
	}
}

// SPDX-License-Identifier: Apache-2.0

// Command protoc-gen-farcall is a protoc plug-in that writes a service's stub and registration for farcall, beside what
// protoc-gen-go writes for its messages:
//
//	protoc --go_out=. --farcall_out=. payments.proto
//
// buf runs it the same way. Where neither is at hand, "farcall generate" does the whole.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/compiler/protogen"

	"github.com/farcall/farcall/cmd/internal/build"
	"github.com/farcall/farcall/cmd/internal/generate"
)

func main() {
	if len(os.Args) > 1 {
		answerHuman(os.Args[1])
		return
	}
	protogen.Options{ParamFunc: unknownParameter}.Run(func(plugin *protogen.Plugin) error {
		generate.Files(plugin)
		return nil
	})
}

// answerHuman speaks to somebody at a terminal: protoc passes no arguments.
func answerHuman(argument string) {
	if argument == "--version" {
		fmt.Println(filepath.Base(os.Args[0]), build.Version())
		return
	}
	fmt.Fprintln(os.Stderr, "protoc-gen-farcall is run by protoc or buf, which speak to it on its standard input:\n"+
		"\tprotoc --go_out=. --farcall_out=. payments.proto\n"+
		"Without either of them: farcall generate DIR")
	os.Exit(2)
}

func unknownParameter(name, _ string) error {
	return fmt.Errorf("unknown parameter %q: protoc-gen-farcall has those of every Go plug-in (paths, module, M…) "+
		"and none of its own", name)
}

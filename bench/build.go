// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/farcall/farcall/bench/plan"
)

// builder makes the programs of some systems. missing says of the systems that cannot be had here why not.
type builder func(ctx context.Context, systems []string) (programs map[string]string, missing map[string]string, err error)

// binaryFolder is where programs go, seen from the module's folder.
const binaryFolder = "../.bin/bench"

// buildSystems builds programs from the sources in the working directory, which is the module's folder. What does not
// change is not built again.
func buildSystems(ctx context.Context, systems []string) (programs, missing map[string]string, err error) {
	if _, err := os.Stat("systems"); err != nil {
		return nil, nil, errors.New("run this in the folder bench of the repository, or with make")
	}
	into, err := filepath.Abs(binaryFolder)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return nil, nil, err
	}
	programs, missing = map[string]string{}, map[string]string{}
	built := map[string]error{} // by name, and how that went
	for _, system := range systems {
		program, ok := plan.FindProgram(system)
		if !ok {
			return nil, nil, fmt.Errorf("no system %q", system)
		}
		if _, done := built[program.Name()]; !done {
			built[program.Name()] = buildProgram(ctx, program, into)
		}
		if err := built[program.Name()]; err == nil {
			programs[system] = filepath.Join(into, program.Name())
		} else if program.Optional {
			missing[system] = err.Error()
		} else {
			return nil, nil, err
		}
	}
	return programs, missing, nil
}

func buildProgram(ctx context.Context, program plan.Program, into string) error {
	out, profile := filepath.Join(into, program.Name()), "off"
	if program.Profiled != "" {
		var err error
		if profile, err = profileOfProgram(ctx, program.Profiled, into); err != nil {
			return fmt.Errorf("%s: %w", program.Name(), err)
		}
	}
	// Without the state of the repository in it, a program is the same until its sources change, and so is its profile.
	command := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-tags="+program.Tags, "-pgo="+profile, "-o", out, "./systems/"+program.Folder)
	if len(program.Build) > 0 {
		command = exec.CommandContext(ctx, program.Build[0], append(program.Build[1:], out)...)
		command.Dir = filepath.Join("systems", program.Folder)
	}
	command.Env = append(os.Environ(), "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, output)
	}
	return nil
}

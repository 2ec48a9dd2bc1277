// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/plan"
)

// pgoTurn is how long a program plays the load that it is optimized for.
const pgoTurn = 3 * time.Second

// profileOfProgram builds the program of a system and returns the file of its profile.
func profileOfProgram(ctx context.Context, system, into string) (string, error) {
	program, ok := plan.FindProgram(system)
	if !ok {
		return "", fmt.Errorf("no system %q", system)
	}
	if err := buildProgram(ctx, program, into); err != nil {
		return "", err
	}
	return profileOnce(ctx, system, filepath.Join(into, program.Name()), pgoTurn)
}

// profileOnce returns the file of a program's profile beside it: that of its server and its client together, under the
// plain call with 64 in flight. The file's name has the program's content, so that a profile is taken again only of
// another program, and what is optimized by it is not built again either.
func profileOnce(ctx context.Context, system, program string, turn time.Duration) (string, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	path := fmt.Sprintf("%s-%x.pgo", program, sha256.Sum256(content))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	old, err := filepath.Glob(program + "-*.pgo")
	if err != nil {
		return "", err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return "", err
		}
	}
	folder, err := os.MkdirTemp("", "bench-pgo-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	c := conductor{programs: map[string]string{system: program}, rounds: 1, turn: turn, profiles: folder}
	section := plan.Section{
		Name: "profile for " + system, Contestants: []plan.Contestant{{Label: system, System: system}},
		Cells: []plan.Cell{{Name: "charge-64", Load: "charge", InFlight: 64}},
	}
	if _, err := c.play(ctx, section); err != nil {
		return "", err
	}
	merged := filepath.Join(folder, "merged") // and then to its place at once: what is half written is not found there
	command := exec.CommandContext(ctx, "go", "tool", "pprof", "-proto", "-output="+merged, c.profileOf(system, harness.RoleClient), c.profileOf(system, harness.RoleServer))
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go tool pprof: %w\n%s", err, output)
	}
	profile, err := os.ReadFile(merged)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(path+".new", profile, 0o644); err != nil {
		return "", err
	}
	return path, os.Rename(path+".new", path)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/farcall/farcall/bench/harness"
	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// weighIdle opens connections that have had one call each, and says what they hold. The first connection is there before:
// what a process needs once is not counted.
func (c *conductor) weighIdle(ctx context.Context, planned plan.Idle) (outcome.Idle, error) {
	progress("idle connections: %d of %s, TLS %t", planned.Connections, planned.System, planned.TLS)
	defer progress("")
	weighed := outcome.Idle{System: planned.System, TLS: planned.TLS, Connections: planned.Connections}
	setup := harness.Setup{}
	if planned.TLS {
		setup.Certificates = "yes"
	}
	on, err := c.start(ctx, plan.Contestant{Label: planned.System, System: planned.System, Setup: setup})
	if err != nil {
		return weighed, err
	}
	defer on.stop()
	clientBefore, serverBefore, err := on.memory()
	if err != nil {
		return weighed, err
	}
	if _, err := on.client.do(harness.Command{Do: harness.DoConnect, Connections: planned.Connections}); err != nil {
		return weighed, err
	}
	clientAfter, serverAfter, err := on.memory()
	weighed.Client, weighed.Server = clientAfter.Since(clientBefore), serverAfter.Since(serverBefore)
	return weighed, err
}

func (c *company) memory() (client, server harness.Memory, err error) {
	ofClient, err := c.client.do(harness.Command{Do: harness.DoMemory})
	if err != nil {
		return client, server, err
	}
	ofServer, err := c.server.do(harness.Command{Do: harness.DoMemory})
	return ofClient.Memory, ofServer.Memory, err
}

// startCold starts a server and a client of each system in turn, and stops them again.
func (c *conductor) startCold(ctx context.Context, missing map[string]string) ([]outcome.Cold, error) {
	var all []outcome.Cold
	for round := range 2 * c.rounds {
		at := 0
		for _, system := range plan.ColdSystems {
			if missing[system] != "" {
				continue
			}
			progress("cold start, round %d: %s", round+1, system)
			server, client, err := c.startOnce(ctx, system)
			if err != nil {
				return nil, err
			}
			if at == len(all) {
				all = append(all, outcome.Cold{System: system})
			}
			all[at].Server, all[at].Client = append(all[at].Server, server), append(all[at].Client, client)
			at++
		}
	}
	progress("")
	return all, nil
}

func (c *conductor) startOnce(ctx context.Context, system string) (server, client time.Duration, err error) {
	contestant := plan.Contestant{Label: system, System: system}
	begin := time.Now()
	serving, hello, err := c.launch(ctx, harness.RoleServer, system, "", contestant)
	if err != nil {
		return 0, 0, err
	}
	defer serving.stop()
	listening := time.Now()
	calling, _, err := c.launch(ctx, harness.RoleClient, system, hello.Address, contestant)
	if err != nil {
		return 0, 0, err
	}
	answered := time.Now()
	calling.stop()
	return listening.Sub(begin), answered.Sub(listening), nil
}

// weighBinaries builds the programs of sizes/ without symbols and debugging information, and with symbols to see what is in them.
func weighBinaries(ctx context.Context) ([]outcome.Binary, error) {
	folder, err := os.MkdirTemp("", "bench-sizes-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	var all []outcome.Binary
	for _, planned := range plan.Binaries {
		progress("binary: %s", planned.About)
		file := filepath.Join(folder, "binary")
		if err := buildSize(ctx, planned, "-s -w", file); err != nil {
			return nil, err
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		if err := buildSize(ctx, planned, "-w", file); err != nil {
			return nil, err
		}
		symbols, err := exec.CommandContext(ctx, "go", "tool", "nm", "-size", file).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: go tool nm: %w", planned.Name, err)
		}
		text, err := outcome.ReadText(bytes.NewReader(symbols))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", planned.Name, err)
		}
		all = append(all, outcome.Binary{Name: planned.Name, About: planned.About, Bytes: info.Size(), Text: text})
	}
	progress("")
	return all, nil
}

func buildSize(ctx context.Context, planned plan.Binary, flags, out string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags="+flags, "-tags", planned.Tags, "-o", out, "./sizes/"+planned.Folder)
	command.Env = append(os.Environ(), "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", planned.Name, err, output)
	}
	return nil
}

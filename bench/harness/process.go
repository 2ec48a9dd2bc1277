// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// What a process is started as, its first argument.
const (
	RoleServer = "serve" // listens, and says where
	RoleEdge   = "edge"  // listens for REST, and calls a server
	RoleClient = "load"  // calls a server
)

// startTime is how long a client may take for its first connections and parked streams, connectTime for each of many more.
const (
	startTime   = 60 * time.Second
	connectTime = 20 * time.Millisecond
)

// Main is the main function of a program that has these systems. It ends when standard input does, so that no process
// outlives the one that started it.
func Main(systems ...System) {
	if err := runProcess(systems, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

func runProcess(systems []System, arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("this program is started by bench: run `make bench`")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	name := flags.String("system", "", "which of this program's systems")
	address := flags.String("address", "", "the server's, for a client and an edge")
	encoded := flags.String("setup", "{}", "a Setup in JSON")
	profile := flags.String("profile", "", "`file` for a CPU profile")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	at := slices.IndexFunc(systems, func(s System) bool { return s.Name == *name })
	if at < 0 {
		return fmt.Errorf("no system %q in this program", *name)
	}
	setup, err := ParseSetup(*encoded)
	if err != nil {
		return err
	}
	stopProfile, err := startProfile(*profile)
	if err != nil {
		return err
	}
	switch arguments[0] {
	case RoleServer:
		err = serve(systems[at], setup)
	case RoleEdge:
		err = serveEdge(systems[at], *address)
	case RoleClient:
		err = call(systems[at], *address, setup)
	default:
		err = fmt.Errorf("no role %q", arguments[0])
	}
	return errors.Join(err, stopProfile())
}

func serve(s System, setup Setup) error {
	return listenAndObey(s, func(listener net.Listener) (func(), error) { return s.Serve(listener, setup) })
}

func serveEdge(s System, behind string) error {
	if s.Edge == nil {
		return fmt.Errorf("%s cannot be an edge", s.Name)
	}
	return listenAndObey(s, func(listener net.Listener) (func(), error) { return s.Edge(listener, behind) })
}

func listenAndObey(s System, start func(net.Listener) (stop func(), err error)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	stop, err := start(listener)
	if err != nil {
		return err
	}
	defer stop()
	hello := Ready{Address: listener.Addr().String(), Settings: s.Settings, Versions: versionsOf(s.Modules)}
	return Obey(os.Stdin, os.Stdout, hello, lookAtSelf)
}

// lookAtSelf obeys the commands that every process knows.
func lookAtSelf(order Command) (Report, error) {
	switch order.Do {
	case DoUsage:
		now, err := ownUsage()
		return Report{Usage: now}, err
	case DoMemory:
		return Report{Memory: heldMemory()}, nil
	default:
		return Report{}, fmt.Errorf("this process cannot do %q", order.Do)
	}
}

func call(s System, address string, setup Setup) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	ends, err := ConnectAll(ctx, s, address, setup)
	if err != nil {
		return err
	}
	defer ends.Close()
	return Obey(os.Stdin, os.Stdout, Ready{Settings: s.Settings, Versions: versionsOf(s.Modules)}, func(order Command) (Report, error) {
		switch order.Do {
		case DoLoad:
			return ends.Run(order)
		case DoConnect:
			ctx, cancel := context.WithTimeout(context.Background(), startTime+time.Duration(order.Connections)*connectTime)
			defer cancel()
			return Report{}, ends.connect(ctx, s, address, setup, order.Connections)
		default:
			return lookAtSelf(order)
		}
	})
}

// versionsOf names the modules as this program was built with them.
func versionsOf(modules []string) map[string]string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	found := map[string]string{}
	for _, module := range info.Deps {
		if slices.Contains(modules, module.Path) {
			found[module.Path] = module.Version
		}
	}
	if slices.Contains(modules, "std") {
		found["std"] = strings.TrimPrefix(info.GoVersion, "go")
	}
	return found
}

// startProfile profiles this process until stop is called. Without a file it does nothing.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

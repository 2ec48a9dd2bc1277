// SPDX-License-Identifier: Apache-2.0

package webclients

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a program may take, and a service until it listens or has ended.
const patience = 2 * time.Minute

// shopDirectory is where the shop is built.
var shopDirectory string

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shopDirectory = directory
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(directory)
		os.Exit(code)
	}))
}

// buildShop builds the shop once, and returns the program.
var buildShop = sync.OnceValues(func() (string, error) {
	shop := filepath.Join(shopDirectory, "shop")
	build := exec.Command("go", "build", "-o", shop, "./shop")
	build.Dir = filepath.Join("..", "..", "examples")
	build.Env = append(build.Environ(), "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the shop: %w\n%s", err, said)
	}
	return shop, nil
})

// service is a process of the shop.
type service struct{ address string }

// startShop starts the shop's two services, and returns the order service, which has the flags besides.
func startShop(t *testing.T, flags ...string) service {
	t.Helper()
	payments := start(t, "payment")
	return start(t, append([]string{"order", "-payments", payments.address}, flags...)...)
}

// start starts a service, which ends with the test.
func start(t *testing.T, arguments ...string) service {
	t.Helper()
	shop, err := buildShop()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(shop, append(arguments, "-listen", "127.0.0.1:0", "-with-parent")...)
	process.Stderr = t.Output()
	stdin, err := process.StdinPipe() // its end is the process's
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	began, ended := make(chan string, 1), make(chan error, 1)
	go func() { // ends with the process
		lines := bufio.NewReader(stdout)
		first, _ := lines.ReadString('\n')
		began <- first
		_, _ = io.Copy(io.Discard, lines)
		ended <- process.Wait()
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = process.Process.Kill() })
		defer kill.Stop()
		if err := <-ended; err != nil {
			t.Errorf("shop %v: %v", arguments, err)
		}
	})
	select {
	case first := <-began:
		address, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
		if !ok {
			t.Fatalf("shop %v begins with %q instead of its address", arguments, first)
		}
		return service{address}
	case <-time.After(patience):
		t.Fatalf("shop %v says nothing", arguments)
		return service{}
	}
}

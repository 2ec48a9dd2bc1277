// SPDX-License-Identifier: Apache-2.0

//go:build unix

package gettingstarted

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README shows the two ends without what any Go file has around them. Here that is put around them.
const (
	serverFile = `package main

import (
	"context"
	"log"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/reflection"
	"github.com/farcall/farcall/server"

	"example.com/shop/shoppb"
)

%s
func main() {
%s	log.Fatal(err)
}
`
	callerFile = `package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"

	"example.com/shop/shoppb"
)

func pay(ctx context.Context) error {
%s	fmt.Println(receipt.GetPaymentId(), err)
	return err
}

func main() {
	if pay(context.Background()) != nil {
		os.Exit(1)
	}
}
`
)

var fenced = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// readmeBlock returns the one block of a language that contains text.
func readmeBlock(t *testing.T, readme, language, text string) string {
	t.Helper()
	var found []string
	for _, match := range fenced.FindAllStringSubmatch(readme, -1) {
		if match[1] == language && strings.Contains(match[2], text) {
			found = append(found, match[2])
		}
	}
	if len(found) != 1 {
		t.Fatalf("README.md has %d blocks of %s with %q, want one", len(found), language, text)
	}
	return found[0]
}

// TestReadme does what the README's section "Use it" says, with the two ends from its first screen.
func TestReadme(t *testing.T) {
	tools, err := filepath.Abs(repository + "/.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath(filepath.Join(tools, "grpcurl")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("make tools builds it: %v", err)
		}
		t.Skip(err)
	}
	text, err := os.ReadFile(repository + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	readme := strings.ReplaceAll(string(text), guidePort, port)
	ctx, cancel := context.WithTimeout(t.Context(), guideTimeout)
	defer cancel()

	shell := freshMachine(t)
	shell.environment = append(shell.environment, "GOWORK=") // as on a reader's machine: the clone has its go.work
	shell.path += string(os.PathListSeparator) + tools
	besideClone(t, shell)
	reader := &reader{t: t, shell: shell, address: "127.0.0.1:" + port}
	defer reader.stopServer()

	reader.follow(ctx, block{file: "shoppb/shop.proto", content: readmeBlock(t, readme, "proto", "service Payments")})
	reader.follow(ctx, typed(readmeBlock(t, readme, "sh", "go mod init"), ""))

	declarations, statements, ok := strings.Cut(readmeBlock(t, readme, "go", "RegisterPayments"), "\nsrv := ")
	if !ok {
		t.Fatal("README.md: the service's block does not make its server by srv := …")
	}
	statements = strings.Replace("srv := "+statements, "err := ", "reflection.Register(srv)\nerr := ", 1)
	reader.follow(ctx, block{file: "payment/main.go", content: fmt.Sprintf(serverFile, declarations, statements)})
	reader.follow(ctx, block{file: "order/main.go", content: fmt.Sprintf(callerFile, readmeBlock(t, readme, "go", "NewPaymentsStub"))})
	reader.follow(ctx, typed("go mod tidy\ngo vet ./...\n", ""))

	reader.follow(ctx, block{background: true, commands: typed("go run ./payment\n", "").commands})
	reader.follow(ctx, typed("go run ./order\n", "pay_1 <nil>"))
	clients := typed(readmeBlock(t, readme, "sh", "grpcurl"), "").commands
	if len(clients) != 2 || !strings.HasPrefix(clients[0].typed, "curl ") {
		t.Fatalf("README.md: curl and grpcurl were expected, not %v", clients)
	}
	clients[0].typed += " -s"
	clients[0].output, clients[1].output = `{"paymentId":"pay_1"}`, "{\n  \"paymentId\": \"pay_1\"\n}"
	reader.follow(ctx, block{commands: clients})
	declined := strings.ReplaceAll(clients[0].typed, "tok_visa_4242", "tok_declined")
	reader.follow(ctx, typed(declined+"\n", `{"code":9,"message":"the bank declined the card"}`))
}

// typed is a block of commands, each of which says output, or anything where that is "".
func typed(lines, output string) block {
	var commands []command
	for line := range strings.Lines(lines) {
		commands = append(commands, command{typed: strings.TrimSpace(line), output: output})
	}
	return block{commands: commands}
}

// besideClone moves to an empty folder that has a clone of the repository beside it, in ../farcall: the work tree.
func besideClone(t *testing.T, shell *shell) {
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root, filepath.Join(shell.directory, "farcall")); err != nil {
		t.Fatal(err)
	}
	shell.directory = filepath.Join(shell.directory, "shop")
	if err := os.Mkdir(shell.directory, 0o755); err != nil {
		t.Fatal(err)
	}
}

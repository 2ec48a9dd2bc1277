// SPDX-License-Identifier: Apache-2.0

//go:build unix

package gettingstarted

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/farcall/farcall/tools/moduleproxy"
)

const (
	repository   = "../.."
	page         = repository + "/docs/getting-started.md"
	guidePort    = "9090" // as the page has it; a free one takes its place
	version      = "v0.1.0"
	guideTimeout = 9 * time.Minute
)

func TestGettingStarted(t *testing.T) {
	for _, needed := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(needed); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	steps, err := blocks(strings.ReplaceAll(string(text), guidePort, port))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), guideTimeout)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM) // so that nothing is left running then either
	defer stop()
	reader := &reader{t: t, shell: freshMachine(t), address: "127.0.0.1:" + port}
	defer reader.stopServer()
	for _, step := range steps {
		reader.follow(ctx, step)
	}
}

// reader does what the page says.
type reader struct {
	t       *testing.T
	shell   *shell
	address string   // where the page's server listens
	server  *running // nil if there is none
}

func (r *reader) follow(ctx context.Context, step block) {
	r.t.Helper()
	if step.file != "" {
		name := filepath.Join(r.shell.directory, filepath.FromSlash(step.file))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(step.content), 0o644); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	for i, command := range step.commands {
		if step.background && i == len(step.commands)-1 {
			r.stopServer()
			server, err := r.shell.start(ctx, command.typed, command.output, r.address)
			if err != nil {
				r.t.Fatalf("line %d: $ %s: %v", command.line, command.typed, err)
			}
			r.server = server
			continue
		}
		begin := time.Now()
		output, err := r.shell.run(ctx, command.typed)
		r.t.Logf("%6.1f s: $ %s", time.Since(begin).Seconds(), command.typed)
		if err != nil {
			r.t.Fatalf("line %d: $ %s: %v\n%s", command.line, command.typed, err, r.all(output))
		}
		if err := command.compare(output); err != nil {
			r.t.Fatalf("line %d: $ %s: %v", command.line, command.typed, r.all(err.Error()))
		}
	}
}

// all adds what the server has said.
func (r *reader) all(text string) string {
	if r.server == nil {
		return text
	}
	return fmt.Sprintf("%s\nThe server has said:\n%s", text, r.server.output)
}

func (r *reader) stopServer() {
	if r.server == nil {
		return
	}
	if err := r.server.stop(); err != nil {
		r.t.Error(err)
	}
	r.server = nil
}

// compare compares what came back with what the page shows, if it shows anything. What go downloads on the way depends on
// the machine.
func (c command) compare(output string) error {
	var said strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "go: downloading ") {
			said.WriteString(line)
		}
	}
	if c.output == "" || strings.TrimSpace(said.String()) == strings.TrimSpace(c.output) {
		return nil
	}
	return fmt.Errorf("the page shows\n%sand it says\n%s", c.output, said.String())
}

// freshMachine returns a shell in an empty folder, with a home and a module cache that are empty too. The project's
// modules come from the work tree. The others come from what the real module cache has downloaded before, or else from
// the proxy that the environment has; their sums are not looked up again, since the repository's go.sum files have them.
func freshMachine(t *testing.T) *shell {
	proxy := t.TempDir()
	if err := moduleproxy.Write(proxy, repository, version, ".", "cmd"); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	goPath := filepath.Join(home, "go")
	environment := append(os.Environ(),
		"HOME="+home,
		"CURL_HOME="+home,
		"GOPATH="+goPath,
		"GOMODCACHE="+filepath.Join(goPath, "pkg", "mod"),
		"GOBIN=",
		"GOENV=off",
		"GOWORK=off",
		"GOCACHE="+goEnv(t, "GOCACHE"),
		"GOTOOLCHAIN="+goEnv(t, "GOTOOLCHAIN"),
		// What is compiled in a module cache of its own would be compiled anew each time without -trimpath.
		"GOFLAGS="+strings.TrimSpace(goEnv(t, "GOFLAGS")+" -trimpath -modcacherw"),
		"GOPROXY="+strings.Join(append([]string{
			"file://" + proxy,
			"file://" + filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download"),
		}, otherProxies(goEnv(t, "GOPROXY"))...), ","),
		"GOPRIVATE=", "GONOPROXY=", "GONOSUMDB=", "GOSUMDB=off",
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
	)
	return &shell{directory: t.TempDir(), environment: environment, path: os.Getenv("PATH")}
}

// otherProxies leaves out of a GOPROXY list the ways to a repository: that of the project is not asked for what the work
// tree has.
func otherProxies(list string) (proxies []string) {
	for proxy := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '|' }) {
		if proxy != "direct" && proxy != "off" {
			proxies = append(proxies, proxy)
		}
	}
	return append(proxies, "off")
}

func goEnv(t *testing.T, name string) string {
	value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(value))
}

// freePort returns a TCP port that nobody listens on. It is below those that systems hand out to whoever does not ask for
// one, so that no other test gets it before the page's server does.
func freePort(t *testing.T) string {
	for range 100 {
		port := fmt.Sprint(20000 + rand.IntN(10000))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no port is free")
	return ""
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		shown, said string
		same        bool
	}{
		{"", "anything\n", true},
		{"a\nb\n", "a\nb", true},
		{"a\n", "go: downloading x v1\na\n", true},
		{"a\n", "a\nb\n", false},
		{"a\nb\n", "b\na\n", false},
		{"a\n", "", false},
	} {
		if err := (command{output: c.shown}).compare(c.said); (err == nil) != c.same {
			t.Errorf("%q beside %q: %v", c.shown, c.said, err)
		}
	}
}

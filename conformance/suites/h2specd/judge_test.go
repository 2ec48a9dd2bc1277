// SPDX-License-Identifier: Apache-2.0

package h2specd

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/suites"
)

// allCases is how many cases h2specd 2.2.1 has.
const allCases = 57

// patience is how long all cases may take: three seconds each at most.
const patience = 4 * time.Minute

// judgement is h2specd's verdict by the case, as in "6.9.1/2".
type judgement map[string]verdict

type verdict struct {
	title  string
	passed bool
	detail string // of a failure
}

// passed returns the cases that have, in order.
func (j judgement) passed() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name, v := range j {
			if v.passed && !yield(name) {
				return
			}
		}
	})
}

// judge runs h2specd on one of the programs that this binary can be. It gives up when a single case takes three seconds, as
// one may on a busy machine, and then it is asked again.
func judge(t *testing.T, program string, arguments ...string) judgement {
	t.Helper()
	h2specd := suites.Program(t, "h2specd")
	itself, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(itself, " ") {
		t.Fatalf("h2specd cannot run %q, because of the space", itself)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tries := 1; ; tries++ {
		command := exec.CommandContext(ctx, h2specd, append([]string{
			"-h", "127.0.0.1", "-p", "1", "-f", fmt.Sprint(freePorts(t)), "-o", "1", "-e", itself,
		}, arguments...)...)
		command.Env = append(os.Environ(), programVariable+"="+program)
		output, err := command.CombinedOutput() // its exit status says nothing
		result := readOutput(string(output))
		if len(result) == allCases {
			return result
		}
		if tries == mostTries || ctx.Err() != nil {
			t.Fatalf("h2specd has come to %d of its %d cases: %v\n%s", len(result), allCases, err, output)
		}
	}
}

const mostTries = 3

// freePorts returns the first of allCases ports that nobody listens on, below those that the system gives out by itself.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		first := 10_000 + rand.IntN(20_000)
		var listeners []net.Listener
		for port := range allCases {
			listener, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", first+port))
			if err != nil {
				break
			}
			listeners = append(listeners, listener)
		}
		for _, listener := range listeners {
			_ = listener.Close()
		}
		if len(listeners) == allCases {
			return first
		}
	}
	t.Fatalf("%d ports in a row are not to be had", allCases)
	panic("unreachable")
}

var (
	colours     = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	sectionLine = regexp.MustCompile(`^ +(\d+(?:\.\d+)*)\. \S`)
	caseLine    = regexp.MustCompile(`^ +(?:(✔|×) )?(\d+): (.+)$`)
)

// readOutput reads what h2specd prints: its sections, and in them a line for each case, behind a failure what was
// expected. Failures are listed once more in the end.
func readOutput(output string) judgement {
	result := judgement{}
	section, last := "", ""
	for _, line := range strings.FieldsFunc(colours.ReplaceAllString(output, ""), func(c rune) bool { return c == '\n' || c == '\r' }) {
		if strings.HasPrefix(line, "Failures:") || strings.HasPrefix(line, "Finished in") {
			break
		}
		if found := sectionLine.FindStringSubmatch(line); found != nil {
			section, last = found[1], ""
		} else if found := caseLine.FindStringSubmatch(line); found != nil {
			last = section + "/" + found[2]
			result[last] = verdict{title: found[3], passed: found[1] == "✔"}
		} else if v := result[last]; last != "" && !v.passed {
			v.detail += " " + strings.TrimSpace(line)
			result[last] = v
		}
	}
	return result
}

func TestReadOutput(t *testing.T) {
	got := readOutput("Generic tests for HTTP/2 client\n  1. Starting HTTP/2\n\x1b[2K\r    \x1b[32m✔\x1b[0m 1: Sends a server connection preface\n\n" +
		"  4. HTTP Frames\n    4.1. Frame Format\n\r      × 1: Sends a frame\n        -> The endpoint MUST\n           Expected: PING\n" +
		"\r      2: Sends nothing\n\nFailures: \n\n  4. HTTP Frames\n    4.1. Frame Format\n      × 3: Sends a frame\n")
	want := judgement{
		"1/1":   {"Sends a server connection preface", true, ""},
		"4.1/1": {"Sends a frame", false, " -> The endpoint MUST Expected: PING"},
		"4.1/2": {"Sends nothing", false, ""},
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

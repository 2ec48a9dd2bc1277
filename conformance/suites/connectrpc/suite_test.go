// SPDX-License-Identifier: Apache-2.0

package connectrpc

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/suites"
)

// patience is how long the whole suite may take.
const patience = 8 * time.Minute

// judgement is what the suite's program says in the end.
type judgement struct {
	total, passed, failed int
	output                []byte
	err                   error // from the program's exit status
}

var summary = regexp.MustCompile(`(?s)Total cases: (\d+)\n(\d+) passed, (\d+) failed`)

// judge runs the suite's program on this binary as a peer.
func judge(t *testing.T, mode, peer string, arguments ...string) judgement {
	t.Helper()
	program := suites.Program(t, "connectconformance")
	itself, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	arguments = append([]string{"--mode", mode, "--conf", "full.yaml", "--max-servers", "2"}, arguments...)
	command := exec.CommandContext(ctx, program, append(arguments, "--", itself)...)
	command.Env = append(os.Environ(), peerVariable+"="+peer, "GORACE=halt_on_error=1") // so that a race fails cases
	result := judgement{}
	result.output, result.err = command.CombinedOutput()
	found := summary.FindSubmatch(result.output)
	if found == nil {
		t.Fatalf("the suite has come to no end: %v\n%s", result.err, result.output)
	}
	result.total, _ = strconv.Atoi(string(found[1]))
	result.passed, _ = strconv.Atoi(string(found[2]))
	result.failed, _ = strconv.Atoi(string(found[3]))
	return result
}

// TestServer has the suite's reference clients judge our server.
func TestServer(t *testing.T) {
	result := judge(t, "server", "server", "-p", "4")
	if result.err != nil || result.failed > 0 || result.total != result.passed {
		t.Errorf("%v\n%s", result.err, result.output)
	}
	suites.Report(t, "connectrpc-server", result.passed, 5554)
}

// TestClient has the suite's reference servers judge our client.
func TestClient(t *testing.T) {
	result := judge(t, "client", "client")
	if result.err != nil || result.failed > 0 || result.total != result.passed {
		t.Errorf("%v\n%s", result.err, result.output)
	}
	suites.Report(t, "connectrpc-client", result.passed, 6920)
}

// TestSuiteFindsCarelessPeers shows that the suite bites: nearly all of the basic cases have trailers.
func TestSuiteFindsCarelessPeers(t *testing.T) {
	for _, mode := range []string{"server", "client"} {
		result := judge(t, mode, "careless "+mode, "--run", "Basic/**")
		if result.err == nil || result.failed < result.passed {
			t.Errorf("%s: the suite ended with %v, %d passed, %d failed", mode, result.err, result.passed, result.failed)
		}
	}
}

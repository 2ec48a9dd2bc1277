// SPDX-License-Identifier: Apache-2.0

package h2spec

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/suites"
)

// allCases is how many cases h2spec 2.2.1 has, with its strict mode.
const allCases = 146

// patience is how long the whole suite may take. It needs a second where every case passes, and five more
// for each that does not.
const patience = 5 * time.Minute

// judgement is what h2spec has found: by the case, as in "http2/6.9.1/2", what is wrong. Nothing is where it has passed.
type judgement map[string]string

// passed returns how many cases have.
func (j judgement) passed() int { return len(j) - len(j.others()) }

// others returns the cases that have not passed, in order.
func (j judgement) others() []string {
	var others []string
	for name, wrong := range j {
		if wrong != "" {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return others
}

// judge runs h2spec on a server: all cases, or those of the sections among arguments.
func judge(t *testing.T, address *net.TCPAddr, arguments ...string) judgement {
	t.Helper()
	program := suites.Program(t, "h2spec")
	report := filepath.Join(t.TempDir(), "junit.xml")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, append([]string{
		"-S", "-h", address.IP.String(), "-p", strconv.Itoa(address.Port), "-P", path, "-j", report,
		"-o", "5", // seconds that a case waits for an answer; none that passes waits for silence
	}, arguments...)...)
	output, runErr := command.CombinedOutput()
	content, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("h2spec has come to no end: %v\n%s", runErr, output)
	}
	result, err := readReport(content)
	if err != nil {
		t.Fatalf("h2spec's report cannot be read: %v", err)
	}
	if runErr != nil && len(result.others()) == 0 {
		t.Errorf("h2spec ended with %v, and its report names no case\n%s", runErr, output)
	}
	return result
}

const skipped = "was not tried"

// readReport reads h2spec's report, which is in JUnit's format.
func readReport(content []byte) (judgement, error) {
	var report struct {
		Sections []struct {
			Name  string `xml:"package,attr"`
			Cases []struct {
				Title   string    `xml:"classname,attr"`
				Failure *string   `xml:"failure"`
				Error   *string   `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(bytes.ReplaceAll(content, []byte{0}, nil), &report); err != nil { // it quotes PINGs byte by byte
		return nil, err
	}
	result := judgement{}
	for _, section := range report.Sections {
		for i, c := range section.Cases {
			name := fmt.Sprintf("%s/%d", section.Name, i+1)
			switch {
			case c.Failure != nil:
				result[name] = c.Title + ": " + strings.TrimSpace(*c.Failure)
			case c.Error != nil:
				result[name] = c.Title + ": " + strings.TrimSpace(*c.Error)
			case c.Skipped != nil:
				result[name] = skipped
			default:
				result[name] = ""
			}
		}
	}
	return result, nil
}

func TestReadReport(t *testing.T) {
	result, err := readReport([]byte(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="4.2. Frame Size" package="http2/4.2" tests="2">
    <testcase package="http2/4.2" classname="Sends a frame" time="0.0"></testcase>
    <testcase package="http2/4.2" classname="Sends a large frame" time="2.0"><failure>Expect: GOAWAY</failure></testcase>
  </testsuite>
  <testsuite name="2.3.3. Index Address Space" package="hpack/2.3.3" tests="2">
    <testcase package="hpack/2.3.3" classname="Sends an index" time="0.0"><error>PING Frame (opaque_data:h2spec` + "\x00" + `)</error></testcase>
    <testcase package="hpack/2.3.3" classname="Sends a larger index" time="0.0"><skipped></skipped></testcase>
  </testsuite>
</testsuites>`))
	if err != nil {
		t.Fatal(err)
	}
	want := judgement{
		"http2/4.2/1":   "",
		"http2/4.2/2":   "Sends a large frame: Expect: GOAWAY",
		"hpack/2.3.3/1": "Sends an index: PING Frame (opaque_data:h2spec)",
		"hpack/2.3.3/2": skipped,
	}
	if !maps.Equal(result, want) || result.passed() != 1 {
		t.Errorf("%d passed: %v; want %v", result.passed(), result, want)
	}
}

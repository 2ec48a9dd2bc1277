// SPDX-License-Identifier: Apache-2.0

package protobuf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/suites"
)

// cases is how many cases of protobuf 33.2 begin with the binary form or JSON and end in one of them.
const cases = 5567

// messageSets are the cases on message sets, a form of messages that is older than proto2. Protobuf's own library for Go
// takes them only with a build tag that nobody is to use.
var messageSets = []string{
	"Recommended.Proto2.ProtobufInput.ValidMessageSetEncoding.SubmessageEncoding.NotUnknown.ProtobufOutput",
	"Required.Proto2.ProtobufInput.MessageSetEncoding.UnknownExtension.ProtobufOutput",
	"Required.Proto2.ProtobufInput.ValidMessageSetEncoding.OutOfOrderGroupsEntries.ProtobufOutput",
	"Required.Proto2.ProtobufInput.ValidMessageSetEncoding.ProtobufOutput",
}

func TestConformance(t *testing.T) {
	passed, failed := judge(t, "farcall")
	fmt.Printf("suite protobuf: passed %d of %d (all but %d on message sets, as protobuf-go)\n", passed, cases, len(messageSets))
	if passed != cases-len(messageSets) || !slices.Equal(failed, messageSets) {
		t.Errorf("%d cases have passed; these have not: %v", passed, failed)
	}
	if otherPassed, otherFailed := judge(t, "protobuf"); passed != otherPassed || !slices.Equal(failed, otherFailed) {
		t.Errorf("protobuf-go passes %d cases, and not %v", otherPassed, otherFailed)
	}
}

var (
	successes = regexp.MustCompile(`CONFORMANCE SUITE \w+: (\d+) successes, \d+ skipped, 0 expected failures, (\d+) unexpected failures`)
	failure   = regexp.MustCompile(`(?m)^ERROR, test=([\w.]+):`)
)

// judge lets the runner judge this program as a system, and returns how many cases have passed and which have failed.
func judge(t *testing.T, system string) (passed int, failed []string) {
	t.Helper()
	program := suites.Program(t, "protobuf-conformance")
	testee, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, "--enforce_recommended", "--maximum_edition", "2023", testee)
	command.Env = append(os.Environ(), asTestee+"="+system)
	command.Dir = t.TempDir()
	output, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for _, name := range failure.FindAllSubmatch(output, -1) {
		failed = append(failed, string(name[1]))
	}
	slices.Sort(failed)
	for _, line := range successes.FindAllSubmatch(output, -1) { // one for the binary form, one for text
		count, _ := strconv.Atoi(string(line[1]))
		passed += count
	}
	if passed == 0 {
		t.Fatalf("the runner printed\n%s", output)
	}
	return passed, failed
}

// SPDX-License-Identifier: Apache-2.0

// Package suites is what the public conformance suites have in common here: the programs that judge, and the line that
// tells how it went. Each suite is a package of its own below this one; its tests fail when a single case does.
package suites

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Program returns the path of a judge's program, which `make tools` builds from the version that tools/go.mod pins. A test
// that lacks it is skipped, and fails where CI is set.
func Program(t *testing.T, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", ".bin", name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing, and with CI set that is a failure; 'make tools' builds it: %v", name, err)
		}
		t.Skipf("this test needs %s; 'make tools' builds it: %v", name, err)
	}
	return path
}

// Report prints the line of one suite, and fails the test unless all of the cases that the suite is known to have have
// passed: a case that was not tried has not passed.
func Report(t *testing.T, suite string, passed, cases int) {
	t.Helper()
	ReportExcept(t, suite, passed, cases, nil)
}

// ReportExcept is Report for a suite that wants of some cases, by their names, what the standard does not: those must
// not pass.
func ReportExcept(t *testing.T, suite string, passed, cases int, exceptions []string) {
	t.Helper()
	line := fmt.Sprintf("suite %s: passed %d of %d", suite, passed, cases)
	if len(exceptions) > 0 {
		line += " (all but " + strings.Join(exceptions, " and ") + ", which the standard does not ask for)"
	}
	fmt.Println(line)
	if passed != cases-len(exceptions) {
		t.Errorf("%d of the %d cases of %s have passed, %d were to", passed, cases, suite, cases-len(exceptions))
	}
}

// SPDX-License-Identifier: Apache-2.0

package misuse_test

import (
	"testing"

	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/farcall/farcall/cmd/internal/misuse"
)

func TestAnalyzer(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), misuse.Analyzer, "streams")
}

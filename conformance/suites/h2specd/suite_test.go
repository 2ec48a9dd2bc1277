// SPDX-License-Identifier: Apache-2.0

package h2specd

import (
	"slices"
	"testing"

	"github.com/farcall/farcall/conformance/suites"
)

// TestClient has h2specd judge our client.
func TestClient(t *testing.T) {
	t.Run("h2c", func(t *testing.T) { judgeClient(t, "h2specd-h2c") })
	t.Run("tls", func(t *testing.T) {
		certificate := suites.NewCertificate(t)
		judgeClient(t, "h2specd-tls", "-t", "-c", certificate.CertFile, "-k", certificate.KeyFile)
	})
}

// exceptions are the cases in which h2specd wants more than RFC 9113: an error of the connection for DATA (5.1/8) and HEADERS
// (5.1/9) on a stream that has ended. Section 5.1 wants an error of the stream for either while it is half-closed (remote),
// as section 6.1 does for DATA, and of a closed stream merely allows one of the connection: our client resets the stream, so
// that the other calls go on.
var exceptions = []string{"5.1/8", "5.1/9"}

func judgeClient(t *testing.T, suite string, arguments ...string) {
	result := judge(t, "farcall", arguments...)
	for name, verdict := range result {
		if excepted := slices.Contains(exceptions, name); verdict.passed == excepted {
			t.Errorf("%s %s: passed is %t%s", name, verdict.title, verdict.passed, verdict.detail)
		}
	}
	suites.ReportExcept(t, suite, len(result.passed()), allCases, exceptions)
}

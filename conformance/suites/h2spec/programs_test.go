// SPDX-License-Identifier: Apache-2.0

package h2spec

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/server"
)

// TestPrograms has the usual HTTP/2 programs call our server, each over plaintext with prior knowledge and over TLS.
func TestPrograms(t *testing.T) {
	certificate := suites.NewCertificate(t)
	secured := server.Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate.Pair}}}
	addresses := map[string]*net.TCPAddr{"http": serve(t, server.Options{}), "https": serve(t, secured)}
	for scheme, address := range addresses {
		url := scheme + "://localhost:" + strconv.Itoa(address.Port) + path
		for name, c := range map[string]struct {
			command []string
			says    []string // all of these
		}{
			"curl": {
				[]string{"curl", "-sS", "-w", "\nversion %{http_version} status %{http_code}", "--cacert", certificate.CertFile, http2Flag(scheme), url},
				[]string{greeting + "\nversion 2 status 200"},
			},
			"curl sends a body": {
				[]string{"curl", "-sS", "--cacert", certificate.CertFile, http2Flag(scheme), "--json", `{"salutation":"Good day"}`, "-w", "\nversion %{http_version}", url},
				[]string{`{"text":"Good day, ada!"}` + "\nversion 2"},
			},
			"nghttp": {
				[]string{"nghttp", "-v", url},
				[]string{"recv SETTINGS frame", ":status: 200", "recv DATA frame <length=" + strconv.Itoa(len(greeting)), greeting},
			},
			"h2load": {
				[]string{"h2load", "-n", "200", "-c", "4", "-m", "10", url},
				[]string{"200 total, 200 started, 200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout", "200 2xx, 0 3xx, 0 4xx, 0 5xx"},
			},
		} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				output := run(t, c.command...)
				for _, says := range c.says {
					if !strings.Contains(output, says) {
						t.Errorf("%s does not say %q, but:\n%s", c.command[0], says, output)
					}
				}
			})
		}
	}
}

// http2Flag is what makes curl speak HTTP/2. Without TLS it would ask to upgrade from HTTP/1.1, which RFC 9113 has no more.
func http2Flag(scheme string) string {
	if scheme == "http" {
		return "--http2-prior-knowledge"
	}
	return "--http2"
}

// run returns what a program says. One that is not installed skips the test, and fails it where CI is set.
func run(t *testing.T, command ...string) string {
	t.Helper()
	if _, err := exec.LookPath(command[0]); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing, and with CI set that is a failure; 'make install' installs it: %v", command[0], err)
		}
		t.Skipf("this test needs %s; 'make install' installs it: %v", command[0], err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, output)
	}
	return string(output)
}

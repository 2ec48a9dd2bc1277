// SPDX-License-Identifier: Apache-2.0

package http2interop

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farcall/farcall/conformance/suites"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long one case may take.
const patience = time.Minute

// TestClient has our client do all cases.
func TestClient(t *testing.T) {
	for _, security := range []string{"h2c", "tls"} {
		t.Run(security, func(t *testing.T) {
			var serverConfig, clientConfig *tls.Config
			if security == "tls" {
				certificate := suites.NewCertificate(t)
				serverConfig = &tls.Config{Certificates: []tls.Certificate{certificate.Pair}, NextProtos: []string{"h2"}}
				clientConfig = &tls.Config{RootCAs: certificate.Roots}
			}
			passed := 0
			for _, c := range cases {
				if t.Run(c.name, func(t *testing.T) {
					s := setStage(t, c.name, serverConfig)
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					if err := do(ctx, s.address.String(), clientConfig, c.do); err != nil {
						t.Error(err)
					}
					s.judge(t, c.name)
				}) {
					passed++
				}
			}
			suites.Report(t, "http2-interop-client-"+security, passed, len(cases))
		})
	}
}

// judge says what the server has seen. The client has gone.
func (s *stage) judge(t *testing.T, name string) {
	t.Helper()
	connections, breaches := s.seen()
	for _, breach := range breaches {
		t.Error(breach)
	}
	if want := 2; name == "goaway" && connections != want {
		t.Errorf("there were %d connections, want %d", connections, want)
	}
}

// notTheirs are the cases that grpc-go's client for these tests does not have. The description has clients do them as
// large_unary, which is in its client for the other tests.
var notTheirs = []string{"data_frame_padding", "no_df_padding_sanity_test"}

// exceptions are the cases in which grpc-go's client wants more than the description, which has a reset call fail: UNKNOWN,
// where its own table of codes has INTERNAL.
var exceptions = map[string]string{"rst_during_data": "Internal, want _, Unknown"}

// TestServerWithTheirClient shows by grpc-go's client that our server plays its part right.
func TestServerWithTheirClient(t *testing.T) {
	passed := 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := setStage(t, c.name, nil)
			program, testCase := "grpc-interop-http2", c.name
			if slices.Contains(notTheirs, c.name) {
				program, testCase = "grpc-interop-client", "large_unary"
			}
			output, err := theirs(t, program, testCase, s.address)
			if wrong := exceptions[c.name]; (err != nil) != (wrong != "") || !strings.Contains(string(output), wrong) {
				t.Errorf("%v\n%s", err, output)
			}
			s.judge(t, c.name)
			if err == nil && !t.Failed() {
				passed++
			}
		})
	}
	suites.ReportExcept(t, "http2-interop-server-with-grpc-go", passed, len(cases), slices.Sorted(maps.Keys(exceptions)))
}

// theirs runs a case of one of grpc-go's clients. It fails by its exit status.
func theirs(t *testing.T, program, testCase string, address *net.TCPAddr) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, suites.Program(t, program),
		"--server_host=127.0.0.1", "--server_port="+strconv.Itoa(address.Port), "--test_case="+testCase)
	command.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=error")
	return command.CombinedOutput()
}

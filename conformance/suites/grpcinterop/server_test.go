// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long one case may take. The slowest waits for load reports that come every second.
const patience = time.Minute

// cases are those of grpc-go's interop client that need neither Google's credentials nor its cloud.
var cases = []string{
	"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
	"timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
	"special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service", "pick_first_unary",
	"rpc_soak", "channel_soak", "orca_per_rpc", "orca_oob",
}

// casesOfServer and casesOfClient are how many there are: one that is lost is not a suite that has passed.
const (
	casesOfServer = 19
	casesOfClient = 18 // see TestClient
)

// TestServer has grpc-go's client judge our server.
func TestServer(t *testing.T) {
	suites.Program(t, "grpc-interop-client") // a case that is skipped for want of it has not passed
	for _, security := range []string{"h2c", "tls"} {
		t.Run(security, func(t *testing.T) {
			options, certificate := server.Options{}, (*suites.Certificate)(nil)
			if security == "tls" {
				certificate = suites.NewCertificate(t)
				options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate.Pair}}
			}
			address := serve(t, options, register)
			passed := 0
			for _, name := range cases {
				if t.Run(name, func(t *testing.T) {
					if output, err := judgeServer(t, name, address, certificate); err != nil {
						t.Errorf("%v\n%s", err, output)
					}
				}) {
					passed++
				}
			}
			suites.Report(t, "grpc-interop-server-"+security, passed, casesOfServer)
		})
	}
}

// serve starts our server until the test's end, and returns its address.
func serve(t *testing.T, options server.Options, offer func(farcall.Registrar)) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := server.New(options)
	offer(serving)
	done := make(chan error, 1)
	go func() { done <- serving.Serve(listener) }()
	t.Cleanup(func() {
		_ = serving.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().(*net.TCPAddr)
}

// judgeServer runs one case of grpc-go's client. It fails by its exit status.
func judgeServer(t *testing.T, name string, address *net.TCPAddr, certificate *suites.Certificate) (output []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	arguments := []string{
		"--server_host=127.0.0.1", "--server_port=" + strconv.Itoa(address.Port), "--test_case=" + name,
		"--soak_per_iteration_max_acceptable_latency_ms=10000", "--soak_overall_timeout_seconds=50", // speed is not judged here
	}
	if certificate != nil {
		arguments = append(arguments, "--use_tls", "--use_test_ca", "--ca_file="+certificate.CertFile)
	}
	if name == "orca_per_rpc" || name == "orca_oob" {
		arguments = append(arguments, `--service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`)
	}
	command := exec.CommandContext(ctx, suites.Program(t, "grpc-interop-client"), arguments...)
	command.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=error")
	return command.CombinedOutput()
}

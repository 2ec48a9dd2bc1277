// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/server"
)

// TestClient has our client do the cases with grpc-go's server. That server never says who it is, so pick_first_unary is
// left to TestClientWithOurServer.
func TestClient(t *testing.T) {
	for _, security := range []string{"h2c", "tls"} {
		t.Run(security, func(t *testing.T) {
			options, certificate := client.Options{}, (*suites.Certificate)(nil)
			if security == "tls" {
				certificate = suites.NewCertificate(t)
				options.TLS = &tls.Config{RootCAs: certificate.Roots}
			}
			c := &caller{target: startTheirServer(t, certificate), options: options}
			passed := 0
			for _, name := range cases {
				if name == "pick_first_unary" {
					continue
				}
				if t.Run(name, func(t *testing.T) { runCase(t, c, name) }) {
					passed++
				}
			}
			suites.Report(t, "grpc-interop-client-"+security, passed, casesOfClient)
		})
	}
}

// TestClientWithOurServer proves both ends by each other, and pick_first_unary.
func TestClientWithOurServer(t *testing.T) {
	c := &caller{target: serve(t, server.Options{}, register).String()}
	for _, name := range cases {
		t.Run(name, func(t *testing.T) { runCase(t, c, name) })
	}
}

// TestClientCasesFindMistakes shows that our cases judge servers no less than grpc-go's do.
func TestClientCasesFindMistakes(t *testing.T) {
	judge := func(options server.Options, offer func(farcall.Registrar)) func(string) error {
		c := &caller{target: serve(t, options, offer).String()}
		return func(name string) error { return c.do(t.Context(), name) }
	}
	t.Run("empty server", func(t *testing.T) {
		mustFail(t, judge(server.Options{}, func(farcall.Registrar) {}), "unimplemented_method", "unimplemented_service")
	})
	t.Run("sloppy server", func(t *testing.T) {
		mustFail(t, judge(server.Options{Interceptors: []farcall.Interceptor{beSloppy}}, registerSloppy), "empty_unary")
	})
}

func runCase(t *testing.T, c *caller, name string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.do(ctx, name); err != nil {
		t.Error(err)
	}
}

var listening = regexp.MustCompile(`interop server listening on \[?.*:(\d+)`)

// startTheirServer starts grpc-go's interop server until the test's end, with TLS if there is a certificate, and returns
// its address. The server chooses a port and tells it in its log.
func startTheirServer(t *testing.T, certificate *suites.Certificate) string {
	t.Helper()
	arguments := []string{"--port=0"}
	if certificate != nil {
		arguments = append(arguments, "--use_tls", "--tls_cert_file="+certificate.CertFile, "--tls_key_file="+certificate.KeyFile)
	}
	command := exec.Command(suites.Program(t, "grpc-interop-server"), arguments...)
	command.Env = append(os.Environ(), "GRPC_GO_LOG_SEVERITY_LEVEL=info")
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	port, ended := make(chan string, 1), make(chan struct{})
	go func() { // ends with the process
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				port <- found[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
		_ = command.Wait()
	})
	return fmt.Sprint("127.0.0.1:", wait(t, port))
}

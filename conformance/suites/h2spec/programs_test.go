// SPDX-License-Identifier: Apache-2.0

package h2spec

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/conformance/suites/greetingpb"
	"github.com/farcall/farcall/server"
)

// TestPrograms has the usual HTTP/2 programs call our server, each over plaintext with prior knowledge and over TLS, by
// REST and by gRPC.
func TestPrograms(t *testing.T) {
	certificate := suites.NewCertificate(t)
	secured := server.Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate.Pair}}}
	addresses := map[string]*net.TCPAddr{"http": serve(t, server.Options{}), "https": serve(t, secured)}
	request := grpcRequest(t)
	asGRPC := []string{"-H", "content-type: application/grpc", "-H", "te: trailers"}
	for scheme, address := range addresses {
		url := scheme + "://localhost:" + strconv.Itoa(address.Port)
		for name, c := range map[string]struct {
			command []string
			says    []string // all of these
			calls   int      // that reach the service
		}{
			"curl": {
				[]string{"curl", "-sS", "-w", "\nversion %{http_version} status %{http_code}", "--cacert", certificate.CertFile, http2Flag(scheme), url + path},
				[]string{greeting + "\nversion 2 status 200"}, 1,
			},
			"curl sends a body": {
				[]string{"curl", "-sS", "--cacert", certificate.CertFile, http2Flag(scheme), "--json", `{"salutation":"Good day"}`, "-w", "\nversion %{http_version}", url + path},
				[]string{`{"text":"Good day, ada!"}` + "\nversion 2"}, 1,
			},
			"curl speaks gRPC": {
				slices.Concat([]string{"curl", "-sS", "-D", "-", "--cacert", certificate.CertFile, http2Flag(scheme), "--data-binary", "@" + request}, asGRPC, []string{url + grpcPath}),
				[]string{"HTTP/2 200", "content-type: application/grpc\r\n", "grpc-status: 0\r\n", "Hello, ada!"}, 1,
			},
			"nghttp": {
				[]string{"nghttp", "-v", url + path},
				[]string{"recv SETTINGS frame", ":status: 200", "recv DATA frame <length=" + strconv.Itoa(len(greeting)), greeting}, 1,
			},
			"nghttp with many streams": {
				[]string{"nghttp", "-n", "-s", "-m", "200", url + path},
				[]string{" 200   " + strconv.Itoa(len(greeting)) + " " + path + "\n"}, 200,
			},
			"nghttp speaks gRPC": {
				slices.Concat([]string{"nghttp", "-v", "-d", request}, asGRPC, []string{url + grpcPath}),
				[]string{":status: 200", "grpc-status: 0", "Hello, ada!", "; END_STREAM"}, 1,
			},
			"nghttp speaks gRPC with padding and CONTINUATION": {
				slices.Concat([]string{"nghttp", "-v", "--padding=100", "--continuation", "-d", request}, asGRPC, []string{url + grpcPath}),
				[]string{"(padlen=100)", ":status: 200", "grpc-status: 0", "Hello, ada!"}, 1,
			},
			"h2load": {
				[]string{"h2load", "-n", "200", "-c", "4", "-m", "10", url + path},
				[]string{"200 total, 200 started, 200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout", "200 2xx, 0 3xx, 0 4xx, 0 5xx"}, 200,
			},
			"h2load speaks gRPC": {
				slices.Concat([]string{"h2load", "-n", "2000", "-c", "4", "-m", "100", "-d", request}, asGRPC, []string{url + grpcPath}),
				[]string{"2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout", "2000 2xx, 0 3xx, 0 4xx, 0 5xx"}, 2000,
			},
		} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				before := calls.Load()
				output := run(t, c.command...)
				for _, says := range c.says {
					if !strings.Contains(output, says) {
						t.Errorf("%s does not say %q, but:\n%s", c.command[0], says, output)
					}
				}
				if got := int(calls.Load() - before); got != c.calls {
					t.Errorf("%d calls have reached the service, want %d", got, c.calls)
				}
			})
		}
	}
}

// TestCurlOverAUnixSocket has curl find the server by a file.
func TestCurlOverAUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	serving := server.New(server.Options{})
	greetingpb.RegisterGreetings(serving, greetings{})
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serving.Serve(listener) }()
	output := run(t, "curl", "-sS", "--http2-prior-knowledge", "--unix-socket", socket, "http://localhost"+path)
	if output != greeting {
		t.Errorf("curl says %s", output)
	}
	_ = serving.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// grpcPath leads to the greeting by gRPC, and grpcRequest is a file with the body that asks for it.
var grpcPath = greetingpb.GreetingsGetMethod.Path

func grpcRequest(t *testing.T) string {
	t.Helper()
	message, err := proto.Marshal(&greetingpb.GetRequest{Name: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "request")
	body := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
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

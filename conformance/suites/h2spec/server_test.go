// SPDX-License-Identifier: Apache-2.0

package h2spec

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/farcall/farcall/conformance/suites"
	"github.com/farcall/farcall/conformance/suites/greetingpb"
	"github.com/farcall/farcall/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// path leads to greeting, by GET and by POST. Cases about flow control need its five bytes at least.
const path, greeting = "/greetings/ada", `{"text":"Hello, ada!"}`

type greetings struct{}

// calls counts those that reach the service.
var calls atomic.Int64

func (greetings) Get(_ context.Context, request *greetingpb.GetRequest) (*greetingpb.Greeting, error) {
	calls.Add(1)
	salutation := cmp.Or(request.GetSalutation(), "Hello")
	return &greetingpb.Greeting{Text: salutation + ", " + request.GetName() + "!"}, nil
}

// serve starts our server until the test's end, and returns its address.
func serve(t *testing.T, options server.Options) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := server.New(options)
	greetingpb.RegisterGreetings(serving, greetings{})
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

// TestServer has h2spec judge our server.
func TestServer(t *testing.T) {
	t.Run("h2c", func(t *testing.T) { judgeServer(t, "h2spec-h2c", nil) })
	t.Run("tls", func(t *testing.T) {
		judgeServer(t, "h2spec-tls", &tls.Config{Certificates: []tls.Certificate{suites.NewCertificate(t).Pair}}, "-t", "-k")
	})
}

func judgeServer(t *testing.T, suite string, config *tls.Config, arguments ...string) {
	result := judge(t, serve(t, server.Options{TLS: config}), arguments...)
	for _, name := range result.others() {
		t.Errorf("%s: %s", name, result[name])
	}
	suites.Report(t, suite, result.passed(), allCases)
}

// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/paymentspb"
)

func TestMain(m *testing.M) {
	var err error
	if shopDirectory, err = os.MkdirTemp("", "shop"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(shopDirectory)
		os.Exit(code)
	}))
}

// patience is how long a test waits for what should happen at once.
const patience = 30 * time.Second

// metadata is headers or trailers in the form of none of the libraries.
type metadata map[string][]string

// failure is how a call fails, nil for success.
type failure struct {
	code    uint32
	message string
	details []proto.Message
}

func (f *failure) String() string {
	if f == nil {
		return "success"
	}
	return fmt.Sprintf("code %d: %.200q with %d details", f.code, f.message, len(f.details))
}

// incoming is a call as its handler sees it.
type incoming struct {
	ctx      context.Context
	request  *paymentspb.ChargeRequest
	metadata metadata

	addHeader, addTrailer func(key, value string)
}

// service is a handler that knows no library.
type service func(*incoming) (*paymentspb.ChargeResponse, *failure)

// server is one library's server with a service as its Payments.
type server interface {
	// shutdown waits for calls in flight and takes no more.
	shutdown(ctx context.Context) error
	// close ends everything at once and returns when the server's goroutines have.
	close()
}

// answer is how a call ended, as its caller sees it.
type answer struct {
	response        *paymentspb.ChargeResponse
	header, trailer metadata
	failure         *failure
}

// client is one library's client.
type client interface {
	// charge calls Charge with metadata of key, value, key, value.
	charge(ctx context.Context, request *paymentspb.ChargeRequest, metadata ...string) answer
	// call calls any method with empty messages.
	call(ctx context.Context, path string) *failure
	close()
}

// side is one library.
type side struct {
	name    string
	serve   func(net.Listener, service) server
	connect func(address string) (client, error)
}

// each runs a test for every pair of client and server. start serves and returns a client of it.
func each(t *testing.T, test func(t *testing.T, start func(service) (client, server))) {
	for _, from := range sides {
		for _, to := range sides {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				test(t, func(s service) (client, server) { return start(t, from, to, s) })
			})
		}
	}
}

func start(t *testing.T, from, to side, s service) (client, server) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := to.serve(listener, s)
	t.Cleanup(serving.close)
	calling, err := from.connect(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(calling.close)
	return calling, serving
}

// within returns a context that ends with the test's patience.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// mustGet waits for a value, but not for ever.
func mustGet[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("no sign of %s", what)
		panic("unreachable")
	}
}

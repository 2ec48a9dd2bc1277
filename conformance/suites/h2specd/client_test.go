// SPDX-License-Identifier: Apache-2.0

package h2specd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites/testingpb"
	"github.com/farcall/farcall/internal/frame"
)

// programVariable names, in the environment of this binary, the HTTP/2 client that it is instead of a test. Its one
// argument is a URL.
const programVariable = "H2SPECD_CLIENT"

var programs = map[string]func(target *url.URL) error{
	"farcall": callOnce,
	"hang up": hangUp,
}

func TestMain(m *testing.M) {
	name := os.Getenv(programVariable)
	if name == "" {
		goleak.VerifyTestMain(m)
		return
	}
	target, err := url.Parse(os.Args[len(os.Args)-1])
	if err == nil {
		err = programs[name](target)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// callTime is how long a case may take: longer than the second that h2specd waits for a reaction, since it takes a client
// that leaves for one that has reacted, and shorter than the three after which it gives all cases up.
const callTime = 1500 * time.Millisecond

// callOnce makes one call with our client, over one connection, and stays until one of the two ends says goodbye.
func callOnce(target *url.URL) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	farewell := &farewell{said: make(chan struct{})}
	options := client.Options{Frames: farewell, Dialer: dialOnce(), Plaintext: target.Scheme == "http"}
	if !options.Plaintext {
		options.TLS = &tls.Config{InsecureSkipVerify: true} // the certificate is not what the cases are about
	}
	err := call(ctx, target.Host, options)
	select {
	case <-farewell.said:
	case <-ctx.Done():
	}
	return err
}

// call makes a call with our client, whose connection stays until ctx ends.
func call(ctx context.Context, target string, options client.Options) error {
	conn, err := client.New(target, options)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	_, err = testingpb.NewTestServiceStub(conn).EmptyCall(ctx, &testingpb.Empty{})
	return err
}

var errOneConnection = errors.New("each case is about one connection")

// dialOnce returns a dialer for one connection: a case must not begin again when the client tries another.
func dialOnce() func(ctx context.Context, network, address string) (net.Conn, error) {
	var dials atomic.Int32
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials.Add(1) > 1 {
			return nil, errOneConnection
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// farewell waits for a GOAWAY from either end.
type farewell struct {
	once sync.Once
	said chan struct{}
}

func (f *farewell) Frame(event farcall.FrameEvent) {
	if event.Type == frame.GoAway.String() {
		f.once.Do(func() { close(f.said) })
	}
}

func (f *farewell) HeaderBlock(farcall.HeaderBlockEvent) {}

// hangUp says hello, asks for something, hears what is said for a moment, and leaves without a word about it.
func hangUp(target *url.URL) error {
	nc, err := net.Dial("tcp", target.Host)
	if err != nil {
		return err
	}
	defer nc.Close()
	hello := frame.AppendSettingsAck(frame.AppendSettings([]byte(frame.Preface)))
	if _, err := nc.Write(frame.AppendHeaders(hello, 1, request, true, frame.SmallestMaxFrame)); err != nil {
		return err
	}
	if err := nc.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, nc)
	return err
}

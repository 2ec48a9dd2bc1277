// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"github.com/farcall/farcall/bench/chargepb"
)

// System is something that carries calls between two processes.
type System struct {
	Name     string
	Settings string   // what is not a default, for the report
	Modules  []string // whose versions belong into the report

	// Serve answers calls on the listener until stop is called.
	Serve func(listener net.Listener, setup Setup) (stop func(), err error)
	// Connect returns a client with one connection, or with one for each call where the protocol wants it so.
	Connect func(ctx context.Context, address string, setup Setup) (Client, error)
	// Edge answers POST /v1/charges on the listener, with JSON both ways, by calling Charge on the server behind it. nil: it
	// cannot.
	Edge func(listener net.Listener, behind string) (stop func(), err error)
}

// Built returns the same system under the name that it has where its program is built in another way.
func (s System) Built(how, name string) System {
	s.Name, s.Settings = name, how+"; "+s.Settings
	return s
}

// Setup is what both ends of a system have to agree on, and what the client is to have open.
type Setup struct {
	// Certificates is the directory that CreateCertificate has filled; "" for plaintext.
	Certificates string `json:"certificates,omitempty"`
	// Gzip compresses messages both ways.
	Gzip bool `json:"gzip,omitempty"`
	// Interceptors puts two of them around every call on either end.
	Interceptors bool `json:"interceptors,omitempty"`
	// LargeMessages allows messages of up to MaxMessageBytes.
	LargeMessages bool `json:"large_messages,omitempty"`
	// HTTP2 makes the client of an edge speak HTTP/2 without TLS, on one connection. Every edge answers both versions.
	HTTP2 bool `json:"http2,omitempty"`
	// Connections is how many clients share the workers; 0 is one.
	Connections int `json:"connections,omitempty"`
	// Parked is how many two-way streams are open and silent while the load runs, spread over the connections.
	Parked int `json:"parked,omitempty"`
}

// ParseSetup reads a Setup written in JSON.
func ParseSetup(text string) (setup Setup, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&setup); err != nil {
		return setup, fmt.Errorf("setup %q: %w", text, err)
	}
	return setup, nil
}

// MaxMessageBytes is the largest message with Setup.LargeMessages.
const MaxMessageBytes = 64 << 20

// MaxStreams is how many calls a system must allow on one connection with Setup.Parked.
const MaxStreams = 4096

// Client makes calls, from any number of goroutines. What else it can do it shows by the interfaces below.
type Client interface {
	Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error)
	Close()
}

// Annotator is a Client that sends metadata with a call.
type Annotator interface {
	ChargeAnnotated(ctx context.Context, annotations []Annotation, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error)
}

// Echoer is a Client that sends and receives payloads.
type Echoer interface {
	Echo(ctx context.Context, payload *chargepb.Payload) (*chargepb.Payload, error)
}

// Streamer is a Client that has streams. It calls each for every message received, always from the same goroutine.
type Streamer interface {
	// Watch receives count messages.
	Watch(ctx context.Context, count int, each func(*chargepb.ChargeResponse)) error
	// Settle sends the request count times.
	Settle(ctx context.Context, request *chargepb.ChargeRequest, count int) (*chargepb.SettleResponse, error)
	// Dispute sends the request count times, while it receives the answers.
	Dispute(ctx context.Context, request *chargepb.ChargeRequest, count int, each func(*chargepb.ChargeResponse)) error
}

// Parker is a Client that can leave a two-way stream open.
type Parker interface {
	// Park opens a two-way stream, sends the request and receives its answer; the stream stays until leave is called.
	Park(ctx context.Context, request *chargepb.ChargeRequest) (leave func(), err error)
}

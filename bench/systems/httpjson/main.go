// SPDX-License-Identifier: Apache-2.0

// Command httpjson is how services talk that do not use RPC: encoding/json over net/http and HTTP/1.1. Its messages are the
// same structs, its payloads raw bodies.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
)

func main() { harness.Main(system) }

var system = harness.System{
	Name:     "http-json",
	Settings: "encoding/json over HTTP/1.1; MaxIdleConnsPerHost 4096, so that every call in flight keeps its connection; DisableCompression, so that nobody asks for gzip, as with all others; bodies with a length, so that they are not chunked; defaults otherwise, since the standard library recommends nothing for speed; payloads as raw bodies; as an edge also h2c",
	Modules:  []string{"std"},
	Serve: func(listener net.Listener, setup harness.Setup) (func(), error) {
		var handler http.Handler = http.HandlerFunc(serveCharge)
		if setup.Interceptors {
			handler = authorize(noteServed(handler))
		}
		return serve(listener, setup, handler)
	},
	Connect: func(_ context.Context, address string, setup harness.Setup) (harness.Client, error) {
		return newClient(address, setup)
	},
	Edge: func(listener net.Listener, behind string) (func(), error) {
		backend, err := newClient(behind, harness.Setup{})
		if err != nil {
			return nil, err
		}
		stop, err := serve(listener, harness.Setup{}, handleJSON(backend.Charge))
		return func() {
			stop()
			backend.Close()
		}, err
	},
}

const (
	chargePath = "/v1/charges"
	echoPath   = "/v1/echo"
)

func serve(listener net.Listener, setup harness.Setup, charge http.Handler) (func(), error) {
	config, err := setup.ServerTLS()
	if err != nil {
		return nil, err
	}
	if config != nil {
		config.NextProtos = []string{"http/1.1"}
		listener = tls.NewListener(listener, config)
	}
	routes := http.NewServeMux()
	routes.Handle("POST "+chargePath, charge)
	routes.HandleFunc("POST "+echoPath, serveEcho)
	server := &http.Server{Handler: routes, Protocols: harness.BothHTTP()}
	go server.Serve(listener) // ends in Close
	return func() { server.Close() }, nil
}

func serveCharge(w http.ResponseWriter, r *http.Request) { chargeHandler(w, r) }

var chargeHandler = handleJSON(func(_ context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return harness.Charge(request), nil
})

// handleJSON makes an http.Handler of a function.
func handleJSON(charge func(context.Context, *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		request := new(chargepb.ChargeRequest)
		if err := json.Unmarshal(body, request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response, err := charge(r.Context(), request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		encoded, err := json.Marshal(response)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
		_, _ = w.Write(encoded)
	}
}

// serveEcho answers raw bytes.
func serveEcho(w http.ResponseWriter, r *http.Request) {
	data, err := readBody(r.Body, r.ContentLength)
	if err != nil {
		return // the client is gone
	}
	back := harness.Echo(&chargepb.Payload{Data: data})
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(back.GetData())))
	_, _ = w.Write(back.GetData())
}

// readBody reads a body whose length is known into one piece of memory, and any other as it comes.
func readBody(body io.Reader, length int64) ([]byte, error) {
	if length < 0 || length > harness.MaxMessageBytes {
		return io.ReadAll(body)
	}
	data := make([]byte, length)
	_, err := io.ReadFull(body, data)
	return data, err
}

// The middleware of the realistic call.

func authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := harness.Authorize(r.Header.Get); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func noteServed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		next.ServeHTTP(w, r)
		harness.ServerBook.Note(time.Since(begin), r.Header.Get(harness.RequestIDName), nil)
	})
}

// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/farcall/farcall/examples/shop/payment"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"github.com/farcall/farcall/server"
)

// Serve offers one payment service twice, by farcall and by JSON over HTTP/1.1, until ctx ends. It calls listening with
// the two addresses.
func Serve(ctx context.Context, listening func(farcallAddress, jsonAddress string)) error {
	payments := payment.New(payment.NewMemory(), payment.Options{})
	farcallListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	jsonListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		farcallListener.Close()
		return err
	}
	srv := server.New(server.Options{})
	shoppb.RegisterPayments(srv, payments)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charge", jsonHandler(payments))
	mux.HandleFunc("GET /cpu", tellCPUTime)
	plain := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}

	served := make(chan error, 2)
	go func() { served <- srv.Serve(farcallListener) }() // both end below
	go func() { served <- plain.Serve(jsonListener) }()
	listening(farcallListener.Addr().String(), jsonListener.Addr().String())
	<-ctx.Done()
	err = errors.Join(srv.Close(), plain.Close())
	for range 2 {
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return err
}

// tellCPUTime answers with the nanoseconds of CPU time that this process has used.
func tellCPUTime(w http.ResponseWriter, _ *http.Request) {
	used, err := cpuTime()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	fmt.Fprint(w, used.Nanoseconds())
}

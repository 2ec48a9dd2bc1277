// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/paymentspb"
)

// nethttpSystem is the standard library's HTTP/2 with its defaults, and handlers that speak gRPC's framing.
var nethttpSystem = system{
	name: "net/http",
	serve: func(listener net.Listener, secure *tls.Config) (func(), error) {
		serving := &http.Server{Handler: nethttpPayments(), TLSConfig: secure.Clone(), Protocols: onlyHTTP2(), ErrorLog: log.New(io.Discard, "", 0)}
		go func() { // ends in Close
			if secure != nil {
				_ = serving.ServeTLS(listener, "", "")
				return
			}
			_ = serving.Serve(listener)
		}()
		return func() { _ = serving.Close() }, nil
	},
	connect: func(address string, secure *tls.Config) (caller, error) {
		transport := &http.Transport{Protocols: onlyHTTP2(), TLSClientConfig: secure.Clone()}
		scheme := "http://"
		if secure != nil {
			scheme = "https://"
		}
		return nethttpCaller{&http.Client{Transport: transport}, scheme + address}, nil
	},
}

func onlyHTTP2() *http.Protocols {
	protocols := &http.Protocols{}
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// nethttpPayments returns the payment service on net/http. It knows no compression.
func nethttpPayments() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(chargePath, grpcOverHTTP(func(in io.Reader, out *messageWriter) error {
		request := &paymentspb.ChargeRequest{}
		if err := readMessage(in, request); err != nil {
			return err
		}
		return out.write(charge(request))
	}))
	mux.Handle(watchPath, grpcOverHTTP(func(in io.Reader, out *messageWriter) error {
		if err := readMessage(in, &paymentspb.WatchPaymentsRequest{}); err != nil {
			return err
		}
		for {
			if err := out.write(watched); err != nil {
				return err
			}
		}
	}))
	mux.Handle(settlePath, grpcOverHTTP(func(in io.Reader, out *messageWriter) error {
		summary := &paymentspb.SettleSummary{}
		for {
			switch err := readMessage(in, &paymentspb.SettleRecord{}); err {
			case nil:
				summary.Records++
			case io.EOF:
				return out.write(summary)
			default:
				return err
			}
		}
	}))
	mux.Handle(disputePath, grpcOverHTTP(func(in io.Reader, out *messageWriter) error {
		if err := out.control.Flush(); err != nil { // the client waits for the head before it says anything
			return err
		}
		for {
			message := &paymentspb.DisputeMessage{}
			if err := readMessage(in, message); err != nil {
				if err == io.EOF {
					return nil
				}
				return err
			}
			if err := out.write(message); err != nil {
				return err
			}
		}
	}))
	return mux
}

// grpcOverHTTP makes a handler of what reads and writes messages.
func grpcOverHTTP(serve func(in io.Reader, out *messageWriter) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(http.StatusOK)
		status := "0"
		if err := serve(r.Body, &messageWriter{w, http.NewResponseController(w)}); err != nil {
			status = "2"
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
	})
}

// messageWriter sends each message at once.
type messageWriter struct {
	out     io.Writer
	control *http.ResponseController // nil: out needs no flush
}

func (w *messageWriter) write(message proto.Message) error {
	framed, err := appendMessage(nil, message)
	if err != nil {
		return err
	}
	if _, err := w.out.Write(framed); err != nil {
		return err
	}
	if w.control == nil {
		return nil
	}
	return w.control.Flush()
}

type nethttpCaller struct {
	client *http.Client
	base   string
}

func (c nethttpCaller) post(ctx context.Context, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("status %s", answer.Status)
	}
	return answer, nil
}

func (c nethttpCaller) Charge(ctx context.Context) error {
	framed, err := appendMessage(nil, chargeRequest())
	if err != nil {
		return err
	}
	answer, err := c.post(ctx, chargePath, bytesReader(framed))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	response := &paymentspb.ChargeResponse{}
	if err := readMessage(answer.Body, response); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if status := answer.Trailer.Get("Grpc-Status"); status != "0" {
		return fmt.Errorf("grpc-status %q", status)
	}
	return checkCharge(response)
}

func (c nethttpCaller) Dispute(ctx context.Context) (conversation, error) {
	ctx, cancel := context.WithCancel(ctx)
	in, out := io.Pipe()
	answer, err := c.post(ctx, disputePath, in)
	if err != nil {
		cancel()
		return nil, err
	}
	return &nethttpConversation{messageWriter{out: out}, answer.Body, out, cancel}, nil
}

func (c nethttpCaller) Close() { c.client.CloseIdleConnections() }

type nethttpConversation struct {
	out    messageWriter
	in     io.ReadCloser
	pipe   *io.PipeWriter
	cancel context.CancelFunc
}

func (c *nethttpConversation) Say(text string) error {
	if err := c.out.write(&paymentspb.DisputeMessage{Text: text}); err != nil {
		return err
	}
	echo := &paymentspb.DisputeMessage{}
	if err := readMessage(c.in, echo); err != nil {
		return err
	}
	return checkEcho(echo, text)
}

var errHungUp = errors.New("the conversation is over")

func (c *nethttpConversation) Close() {
	c.pipe.CloseWithError(errHungUp)
	c.cancel()
	c.in.Close()
}

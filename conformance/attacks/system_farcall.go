// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"iter"
	"log/slog"
	"net"

	"google.golang.org/genproto/googleapis/api/annotations"

	"github.com/farcall/farcall"
	farcallclient "github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/paymentspb"
	"github.com/farcall/farcall/server"
)

// farcallSystem has no option set but TLS, and a route for a stream: the defaults are what is attacked.
var farcallSystem = system{
	name: "farcall",
	serve: func(listener net.Listener, secure *tls.Config) (func(), error) {
		serving := server.New(server.Options{TLS: secure, Logger: slog.New(slog.DiscardHandler), REST: server.REST{Rules: settleByREST}})
		paymentspb.RegisterPayments(serving, farcallPayments{})
		done := make(chan struct{})
		go func() { // ends after Close
			defer close(done)
			_ = serving.Serve(listener)
		}()
		return func() {
			_ = serving.Close()
			<-done
		}, nil
	},
	connect: func(address string, secure *tls.Config) (caller, error) {
		conn, err := farcallclient.New(address, farcallclient.Options{TLS: secure, Plaintext: secure == nil})
		if err != nil {
			return nil, err
		}
		return farcallCaller{conn, paymentspb.NewPaymentsStub(conn)}, nil
	},
}

// settleByREST makes Settle a route.
var settleByREST = &annotations.Http{Rules: []*annotations.HttpRule{{
	Selector: "shop.v1.Payments.Settle", Pattern: &annotations.HttpRule_Post{Post: settleRoute}, Body: "*",
}}}

type farcallPayments struct {
	paymentspb.UnimplementedPayments
}

func (farcallPayments) Charge(_ context.Context, request *paymentspb.ChargeRequest) (*paymentspb.ChargeResponse, error) {
	return charge(request), nil
}

func (farcallPayments) WatchPayments(context.Context, *paymentspb.WatchPaymentsRequest) iter.Seq2[*paymentspb.Payment, error] {
	return func(yield func(*paymentspb.Payment, error) bool) {
		for yield(watched, nil) {
		}
	}
}

func (farcallPayments) Settle(_ context.Context, in iter.Seq2[*paymentspb.SettleRecord, error]) (*paymentspb.SettleSummary, error) {
	summary := &paymentspb.SettleSummary{}
	for _, err := range in {
		if err != nil {
			return nil, err
		}
		summary.Records++
	}
	return summary, nil
}

func (farcallPayments) Dispute(_ context.Context, in iter.Seq2[*paymentspb.DisputeMessage, error]) iter.Seq2[*paymentspb.DisputeMessage, error] {
	return in
}

type farcallCaller struct {
	conn *farcallclient.Conn
	stub paymentspb.Payments
}

func (c farcallCaller) Charge(ctx context.Context) error {
	response, err := c.stub.Charge(ctx, chargeRequest())
	if err != nil {
		return err
	}
	return checkCharge(response)
}

func checkCharge(response *paymentspb.ChargeResponse) error {
	if response.GetPaymentId() != "pay_basket-7" {
		return fmt.Errorf("the answer is not the service's: %v", response)
	}
	return nil
}

func (c farcallCaller) Dispute(ctx context.Context) (conversation, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := paymentspb.OpenPaymentsDispute(ctx, c.conn)
	if err != nil {
		cancel()
		return nil, err
	}
	return &farcallConversation{stream, cancel}, nil
}

func (c farcallCaller) Close() { _ = c.conn.Close() }

type farcallConversation struct {
	stream *farcall.BidiStream[paymentspb.DisputeMessage, paymentspb.DisputeMessage]
	cancel context.CancelFunc
}

func (c *farcallConversation) Say(text string) error {
	if err := c.stream.Send(&paymentspb.DisputeMessage{Text: text}); err != nil {
		return err
	}
	echo, err := c.stream.Receive()
	if err != nil {
		return err
	}
	return checkEcho(echo, text)
}

func checkEcho(echo *paymentspb.DisputeMessage, text string) error {
	if echo.GetText() != text {
		return fmt.Errorf("%q was said, %q came back", text, echo.GetText())
	}
	return nil
}

func (c *farcallConversation) Close() { c.cancel() }

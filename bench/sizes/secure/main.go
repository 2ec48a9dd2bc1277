// SPDX-License-Identifier: Apache-2.0

// Command secure is a small server whose binary is weighed: one service over gRPC and TLS.
package main

import (
	"context"
	"crypto/tls"
	"log"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/server"
)

type payments struct{ chargepb.UnimplementedPayments }

func (payments) Charge(context.Context, *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return &chargepb.ChargeResponse{Status: chargepb.Status_STATUS_PAID}, nil
}

func main() {
	certificate, err := server.CertificateFiles("tls.crt", "tls.key")
	if err != nil {
		log.Fatal(err)
	}
	srv := server.New(server.Options{TLS: server.UseTLS(&tls.Config{GetCertificate: certificate})})
	chargepb.RegisterPayments(srv, payments{})
	log.Fatal(srv.ListenAndServe("127.0.0.1:9090"))
}

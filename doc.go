// SPDX-License-Identifier: Apache-2.0

// Package farcall holds the words of the system: Method, Code, Error, Metadata, Call, Stream, Raw, Invoker, Registrar,
// Interceptor, Observer and Step.
//
// A service is one Go interface. The program that offers it registers an implementation with a server; the program
// that uses it holds a stub of the same interface. Generated code needs this package and protobuf only, never a
// transport:
//
//	srv := server.New(server.Options{})                       // the service's side
//	paymentspb.RegisterPayments(srv, &payments{})
//	err := srv.ListenAndServe("127.0.0.1:9090")
//
//	conn, err := client.New("payments:9090", client.Options{}) // the caller's side
//	payments := paymentspb.NewPaymentsStub(conn)
//	receipt, err := payments.Charge(ctx, &paymentspb.ChargeRequest{…})
//
// Whatever is not in a signature travels in the context: [WithMetadata] adds what every call made with it sends,
// [NewCall] collects what one call's answer brought, and [IncomingCall] is the call that a handler is serving.
//
// Every error that leaves the library is an [*Error]; a [Code] is itself an error, so errors.Is(err, farcall.NotFound)
// asks the usual question.
package farcall

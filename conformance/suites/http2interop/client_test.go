// SPDX-License-Identifier: Apache-2.0

package http2interop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites/testingpb"
)

const (
	largeRequest  = 271828
	largeResponse = 314159
	// concurrent is how many calls max_streams makes at a time; the description says ten, grpc-go's client makes fifteen.
	concurrent = 15
)

// cases are what the client of each case does, in the order of the description.
var cases = []struct {
	name string
	do   func(ctx context.Context, stub testingpb.TestService) error
}{
	{"goaway", twice},
	{"rst_after_header", mustFail},
	{"rst_during_data", mustFail},
	{"rst_after_data", mustFail},
	{"ping", large},
	{"max_streams", many},
	{"data_frame_padding", large},
	{"no_df_padding_sanity_test", large},
}

// do does a case with our client over a channel of its own.
func do(ctx context.Context, target string, config *tls.Config, body func(context.Context, testingpb.TestService) error) error {
	conn, err := client.New(target, client.Options{TLS: config})
	if err != nil {
		return err
	}
	defer conn.Close()
	return body(ctx, testingpb.NewTestServiceStub(conn))
}

// large makes the call of all cases.
func large(ctx context.Context, stub testingpb.TestService) error {
	response, err := stub.UnaryCall(ctx, &testingpb.SimpleRequest{
		ResponseSize: largeResponse, Payload: &testingpb.Payload{Body: make([]byte, largeRequest)},
	})
	if err != nil {
		return err
	}
	if n := len(response.GetPayload().GetBody()); n != largeResponse {
		return fmt.Errorf("a response of %d bytes", n)
	}
	return nil
}

// twice makes two calls, the second without waiting for the server to go away.
func twice(ctx context.Context, stub testingpb.TestService) error {
	if err := large(ctx, stub); err != nil {
		return err
	}
	return large(ctx, stub)
}

// mustFail makes a call that the server resets, with NO_ERROR, which is INTERNAL (PROTOCOL-HTTP2.md, section "Errors").
func mustFail(ctx context.Context, stub testingpb.TestService) error {
	if err := large(ctx, stub); farcall.CodeOf(err) != farcall.Internal {
		return fmt.Errorf("the call ended with %w", err)
	}
	return nil
}

// many makes one call, by which the server's limit has come, and then many at a time.
func many(ctx context.Context, stub testingpb.TestService) error {
	if err := large(ctx, stub); err != nil {
		return err
	}
	errs := make([]error, concurrent)
	var calling sync.WaitGroup
	for i := range errs {
		calling.Go(func() { errs[i] = large(ctx, stub) })
	}
	calling.Wait()
	return errors.Join(errs...)
}

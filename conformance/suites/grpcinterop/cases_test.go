// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites/testingpb"
)

// caller does the cases of the test descriptions with our client. Some take a stub's iterators, others the Open forms.
type caller struct {
	target  string
	options client.Options

	via  *client.Conn // of the case under way
	stub testingpb.TestService
}

// The sizes of the test descriptions.
var (
	requestSizes  = []int{27182, 8, 1828, 45904}
	responseSizes = []int32{31415, 9, 2653, 58979}
)

const (
	largeRequest  = 271828
	largeResponse = 314159
	soaks         = 10
)

// do does one case over a connection of its own.
func (c *caller) do(ctx context.Context, name string) error {
	body, ok := map[string]func(context.Context) error{
		"empty_unary": c.emptyUnary, "large_unary": c.largeUnary,
		"client_streaming": c.clientStreaming, "server_streaming": c.serverStreaming,
		"ping_pong": c.pingPong, "empty_stream": c.emptyStream,
		"timeout_on_sleeping_server": c.timeoutOnSleepingServer, "cancel_after_begin": c.cancelAfterBegin,
		"cancel_after_first_response": c.cancelAfterFirstResponse,
		"status_code_and_message":     c.statusCodeAndMessage, "special_status_message": c.specialStatusMessage,
		"custom_metadata": c.customMetadata, "unimplemented_method": c.unimplementedMethod,
		"unimplemented_service": c.unimplementedService, "pick_first_unary": c.pickFirstUnary,
		"rpc_soak": c.rpcSoak, "channel_soak": c.channelSoak,
		"orca_per_rpc": c.orcaPerRPC, "orca_oob": c.orcaOutOfBand,
	}[name]
	if !ok {
		return fmt.Errorf("there is no case %s", name)
	}
	return c.connected(func() error { return body(ctx) })
}

// connected calls f with a new connection.
func (c *caller) connected(f func() error) error {
	conn, err := client.New(c.target, c.options)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.via, c.stub = conn, testingpb.NewTestServiceStub(conn)
	return f()
}

func (c *caller) emptyUnary(ctx context.Context) error {
	response, err := c.stub.EmptyCall(ctx, &testingpb.Empty{})
	if err == nil && proto.Size(response) != 0 {
		err = fmt.Errorf("the response is %v", response)
	}
	return err
}

func (c *caller) largeUnary(ctx context.Context) error {
	response, err := c.stub.UnaryCall(ctx, &testingpb.SimpleRequest{ResponseSize: largeResponse, Payload: zeros(largeRequest)})
	if err != nil {
		return err
	}
	return wantZeros(response.GetPayload(), largeResponse)
}

func (c *caller) clientStreaming(ctx context.Context) error {
	sum := 0
	response, err := c.stub.StreamingInputCall(ctx, func(yield func(*testingpb.StreamingInputCallRequest, error) bool) {
		for _, size := range requestSizes {
			sum += size
			if !yield(&testingpb.StreamingInputCallRequest{Payload: zeros(size)}, nil) {
				return
			}
		}
	})
	if err == nil && response.GetAggregatedPayloadSize() != int32(sum) {
		err = fmt.Errorf("the sum is %d, sent were %d", response.GetAggregatedPayloadSize(), sum)
	}
	return err
}

func (c *caller) serverStreaming(ctx context.Context) error {
	request, received := &testingpb.StreamingOutputCallRequest{}, 0
	for _, size := range responseSizes {
		request.ResponseParameters = append(request.ResponseParameters, &testingpb.ResponseParameters{Size: size})
	}
	for response, err := range c.stub.StreamingOutputCall(ctx, request) {
		if err != nil {
			return err
		}
		if received == len(responseSizes) {
			return fmt.Errorf("more than %d responses came", received)
		}
		if err := wantZeros(response.GetPayload(), int(responseSizes[received])); err != nil {
			return err
		}
		received++
	}
	if received != len(responseSizes) {
		return fmt.Errorf("%d responses came", received)
	}
	return nil
}

func (c *caller) pingPong(ctx context.Context) error {
	stream, err := testingpb.OpenTestServiceFullDuplexCall(ctx, c.via)
	if err != nil {
		return err
	}
	defer stream.Close()
	for i, size := range responseSizes {
		if err := stream.Send(asking(size, requestSizes[i])); err != nil {
			return err
		}
		response, err := stream.Receive()
		if err != nil {
			return err
		}
		if err := wantZeros(response.GetPayload(), int(size)); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return wantEnd(stream.Receive())
}

func (c *caller) emptyStream(ctx context.Context) error {
	for response, err := range c.stub.FullDuplexCall(ctx, sending[testingpb.StreamingOutputCallRequest]()) {
		if err != nil {
			return err
		}
		return fmt.Errorf("a response came: %v", response)
	}
	return nil
}

func (c *caller) timeoutOnSleepingServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	in := func(yield func(*testingpb.StreamingOutputCallRequest, error) bool) {
		if yield(asking(0, 27182), nil) {
			<-ctx.Done()
		}
	}
	for _, err := range c.stub.FullDuplexCall(ctx, in) {
		if err != nil {
			return wantCode(err, farcall.DeadlineExceeded)
		}
	}
	return wantCode(nil, farcall.DeadlineExceeded)
}

func (c *caller) cancelAfterBegin(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := testingpb.OpenTestServiceStreamingInputCall(ctx, c.via)
	if err != nil {
		return err
	}
	defer stream.Close()
	cancel()
	_, err = stream.CloseAndReceive()
	return wantCode(err, farcall.Canceled)
}

func (c *caller) cancelAfterFirstResponse(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := testingpb.OpenTestServiceFullDuplexCall(ctx, c.via)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := stream.Send(asking(31415, 27182)); err != nil {
		return err
	}
	response, err := stream.Receive()
	if err != nil {
		return err
	}
	if err := wantZeros(response.GetPayload(), 31415); err != nil {
		return err
	}
	cancel()
	_, err = stream.Receive()
	return wantCode(err, farcall.Canceled)
}

func (c *caller) statusCodeAndMessage(ctx context.Context) error {
	status := &testingpb.EchoStatus{Code: int32(farcall.Unknown), Message: "test status message"}
	_, err := c.stub.UnaryCall(ctx, &testingpb.SimpleRequest{ResponseStatus: status})
	if err := wantStatus(err, status); err != nil {
		return err
	}
	in := sending(&testingpb.StreamingOutputCallRequest{ResponseStatus: status})
	for _, err := range c.stub.FullDuplexCall(ctx, in) {
		return wantStatus(err, status)
	}
	return wantStatus(nil, status)
}

func (c *caller) specialStatusMessage(ctx context.Context) error {
	status := &testingpb.EchoStatus{
		Code:    int32(farcall.Unknown),
		Message: "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
	}
	_, err := c.stub.UnaryCall(ctx, &testingpb.SimpleRequest{ResponseStatus: status})
	return wantStatus(err, status)
}

func (c *caller) customMetadata(ctx context.Context) error {
	const initial, trailing = "test_initial_metadata_value", "\x0a\x0b\x0a\x0b\x0a\x0b"
	ctx = farcall.WithMetadata(ctx, echoInitial, initial, echoTrailing, trailing)
	want := func(header, trailer farcall.Metadata) error {
		if got, ended := header.Values(echoInitial), trailer.Values(echoTrailing); fmt.Sprint(got, ended) != fmt.Sprint([]string{initial}, []string{trailing}) {
			return fmt.Errorf("sent back were %q and %q", got, ended)
		}
		return nil
	}
	unary, call := farcall.NewCall(ctx)
	if _, err := c.stub.UnaryCall(unary, &testingpb.SimpleRequest{ResponseSize: 1, Payload: zeros(1)}); err != nil {
		return err
	}
	if err := want(*call.ResponseHeader(), *call.ResponseTrailer()); err != nil {
		return err
	}
	stream, err := testingpb.OpenTestServiceFullDuplexCall(ctx, c.via)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := stream.Send(asking(1, 1)); err != nil {
		return err
	}
	header := stream.Header()
	if _, err := stream.Receive(); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := wantEnd(stream.Receive()); err != nil {
		return err
	}
	return want(header, stream.Trailer())
}

func (c *caller) unimplementedMethod(ctx context.Context) error {
	_, err := c.stub.UnimplementedCall(ctx, &testingpb.Empty{})
	return wantCode(err, farcall.Unimplemented)
}

func (c *caller) unimplementedService(ctx context.Context) error {
	_, err := testingpb.NewUnimplementedServiceStub(c.via).UnimplementedCall(ctx, &testingpb.Empty{})
	return wantCode(err, farcall.Unimplemented)
}

func (c *caller) pickFirstUnary(ctx context.Context) error {
	first := ""
	for i := range 100 {
		response, err := c.stub.UnaryCall(ctx, &testingpb.SimpleRequest{ResponseSize: 1, Payload: zeros(1), FillServerId: true})
		if err != nil {
			return err
		}
		if i == 0 {
			first = response.GetServerId()
		}
		if id := response.GetServerId(); id == "" || id != first {
			return fmt.Errorf("the first call went to server %q, call %d to %q", first, i, id)
		}
	}
	return nil
}

func (c *caller) rpcSoak(ctx context.Context) error {
	for range soaks {
		if err := c.largeUnary(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *caller) channelSoak(ctx context.Context) error {
	for range soaks {
		if err := c.connected(func() error { return c.largeUnary(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

func zeros(size int) *testingpb.Payload { return &testingpb.Payload{Body: make([]byte, size)} }

// asking is a request with a payload of one size that asks for one of another.
func asking(response int32, request int) *testingpb.StreamingOutputCallRequest {
	return &testingpb.StreamingOutputCallRequest{
		ResponseParameters: []*testingpb.ResponseParameters{{Size: response}}, Payload: zeros(request),
	}
}

func sending[Message any](messages ...*Message) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for _, message := range messages {
			if !yield(message, nil) {
				return
			}
		}
	}
}

func wantZeros(payload *testingpb.Payload, size int) error {
	if payload.GetType() != testingpb.PayloadType_COMPRESSABLE || len(payload.GetBody()) != size {
		return fmt.Errorf("a payload of type %v and %d bytes came, %d bytes were asked for", payload.GetType(), len(payload.GetBody()), size)
	}
	return nil
}

func wantCode(err error, code farcall.Code) error {
	if farcall.CodeOf(err) != code {
		return fmt.Errorf("the call ended with %w, want %v", err, code)
	}
	return nil
}

func wantStatus(err error, status *testingpb.EchoStatus) error {
	if failed := farcall.AsError(err); err == nil || failed.Code != farcall.Code(status.GetCode()) || failed.Message != status.GetMessage() {
		return fmt.Errorf("the call ended with %w, want %v", err, status)
	}
	return nil
}

func wantEnd[Message any](message Message, err error) error {
	if err != io.EOF {
		return fmt.Errorf("%v came, and %w, in the place of the end", message, err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package grpcinterop

import (
	"context"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites/testingpb"
)

// The metadata that a server sends back: the first in the header, the second in the trailer.
const (
	echoInitial  = "x-grpc-test-echo-initial"
	echoTrailing = "x-grpc-test-echo-trailing-bin"
)

// testService is the TestService of the test descriptions.
type testService struct {
	testingpb.UnimplementedTestService
	serverID string
	load     *load
}

// register offers all that the cases need.
func register(on farcall.Registrar) {
	service := &testService{serverID: "one and only", load: newLoad()}
	testingpb.RegisterTestService(on, service)
	on.Register(reportMethod, farcall.HandleServerStream(service.load.StreamCoreMetrics))
}

func (s *testService) EmptyCall(context.Context, *testingpb.Empty) (*testingpb.Empty, error) {
	return &testingpb.Empty{}, nil
}

func (s *testService) UnaryCall(ctx context.Context, request *testingpb.SimpleRequest) (*testingpb.SimpleResponse, error) {
	echo(ctx)
	if err := wanted(request.GetResponseStatus()); err != nil {
		return nil, err
	}
	payload, err := payloadOf(request.GetResponseType(), request.GetResponseSize())
	if err != nil {
		return nil, err
	}
	if report := request.GetOrcaPerQueryReport(); report != nil {
		encoded, err := proto.Marshal(orcaReport(report))
		if err != nil {
			return nil, err
		}
		farcall.IncomingCall(ctx).ResponseTrailer().Set(orcaTrailer, string(encoded))
	}
	response := &testingpb.SimpleResponse{Payload: payload}
	if request.GetFillServerId() {
		response.ServerId = s.serverID
	}
	return response, nil
}

func (s *testService) StreamingOutputCall(_ context.Context, request *testingpb.StreamingOutputCallRequest) iter.Seq2[*testingpb.StreamingOutputCallResponse, error] {
	return func(yield func(*testingpb.StreamingOutputCallResponse, error) bool) { s.answer(request, yield) }
}

func (s *testService) StreamingInputCall(_ context.Context, in iter.Seq2[*testingpb.StreamingInputCallRequest, error]) (*testingpb.StreamingInputCallResponse, error) {
	sum := 0
	for request, err := range in {
		if err != nil {
			return nil, err
		}
		sum += len(request.GetPayload().GetBody())
	}
	return &testingpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)}, nil
}

func (s *testService) FullDuplexCall(ctx context.Context, in iter.Seq2[*testingpb.StreamingOutputCallRequest, error]) iter.Seq2[*testingpb.StreamingOutputCallResponse, error] {
	return func(yield func(*testingpb.StreamingOutputCallResponse, error) bool) {
		echo(ctx)
		for request, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			if report := request.GetOrcaOobReport(); report != nil {
				s.load.set(orcaReport(report))
			}
			if !s.answer(request, yield) {
				return
			}
		}
	}
}

func (s *testService) HalfDuplexCall(_ context.Context, in iter.Seq2[*testingpb.StreamingOutputCallRequest, error]) iter.Seq2[*testingpb.StreamingOutputCallResponse, error] {
	return func(yield func(*testingpb.StreamingOutputCallResponse, error) bool) {
		var all []*testingpb.StreamingOutputCallRequest
		for request, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, request)
		}
		for _, request := range all {
			if !s.answer(request, yield) {
				return
			}
		}
	}
}

// answer yields what one request asks for, and reports whether the call goes on.
func (s *testService) answer(request *testingpb.StreamingOutputCallRequest, yield func(*testingpb.StreamingOutputCallResponse, error) bool) bool {
	if err := wanted(request.GetResponseStatus()); err != nil {
		yield(nil, err)
		return false
	}
	for _, parameters := range request.GetResponseParameters() {
		time.Sleep(time.Duration(parameters.GetIntervalUs()) * time.Microsecond) // what the request asks for
		payload, err := payloadOf(request.GetResponseType(), parameters.GetSize())
		if err != nil {
			yield(nil, err)
			return false
		}
		if !yield(&testingpb.StreamingOutputCallResponse{Payload: payload}, nil) {
			return false
		}
	}
	return true
}

// echo sends back the metadata that asks for it.
func echo(ctx context.Context) {
	call := farcall.IncomingCall(ctx)
	for _, value := range call.RequestHeader().Values(echoInitial) {
		call.ResponseHeader().Add(echoInitial, value)
	}
	for _, value := range call.RequestHeader().Values(echoTrailing) {
		call.ResponseTrailer().Add(echoTrailing, value)
	}
}

// wanted returns the error that a request asks for.
func wanted(status *testingpb.EchoStatus) error {
	if status.GetCode() == 0 {
		return nil
	}
	return farcall.NewError(farcall.Code(status.GetCode()), status.GetMessage())
}

func payloadOf(kind testingpb.PayloadType, size int32) (*testingpb.Payload, error) {
	if size < 0 {
		return nil, farcall.Errorf(farcall.InvalidArgument, "a payload of %d bytes was asked for", size)
	}
	if kind != testingpb.PayloadType_COMPRESSABLE {
		return nil, farcall.Errorf(farcall.InvalidArgument, "a payload of the unknown type %v was asked for", kind)
	}
	return &testingpb.Payload{Type: kind, Body: make([]byte, size)}, nil
}

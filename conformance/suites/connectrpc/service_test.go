// SPDX-License-Identifier: Apache-2.0

package connectrpc

import (
	"context"
	"iter"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/conformance/suites/conformancepb"
)

// conformanceService does what requests ask for, as the comments of the suite's service.proto say.
type conformanceService struct {
	conformancepb.UnimplementedConformanceService
}

func (conformanceService) Unary(ctx context.Context, request *conformancepb.UnaryRequest) (*conformancepb.UnaryResponse, error) {
	payload, err := respondOnce(ctx, request.GetResponseDefinition(), request)
	return &conformancepb.UnaryResponse{Payload: payload}, err
}

func (conformanceService) IdempotentUnary(ctx context.Context, request *conformancepb.IdempotentUnaryRequest) (*conformancepb.IdempotentUnaryResponse, error) {
	payload, err := respondOnce(ctx, request.GetResponseDefinition(), request)
	return &conformancepb.IdempotentUnaryResponse{Payload: payload}, err
}

func (conformanceService) ClientStream(ctx context.Context, in iter.Seq2[*conformancepb.ClientStreamRequest, error]) (*conformancepb.ClientStreamResponse, error) {
	var received []proto.Message
	var definition *conformancepb.UnaryResponseDefinition
	for request, err := range in {
		if err != nil {
			return nil, err
		}
		if len(received) == 0 {
			definition = request.GetResponseDefinition()
		}
		received = append(received, request)
	}
	payload, err := respondOnce(ctx, definition, received...)
	return &conformancepb.ClientStreamResponse{Payload: payload}, err
}

// respondOnce is the answer of the methods that return one message.
func respondOnce(ctx context.Context, definition *conformancepb.UnaryResponseDefinition, received ...proto.Message) (*conformancepb.ConformancePayload, error) {
	info, err := requestInfo(ctx, received)
	if err != nil {
		return nil, err
	}
	call := farcall.IncomingCall(ctx)
	addHeaders(call.ResponseHeader(), definition.GetResponseHeaders())
	addHeaders(call.ResponseTrailer(), definition.GetResponseTrailers())
	if err := pause(ctx, definition.GetResponseDelayMs()); err != nil {
		return nil, err
	}
	if wanted := definition.GetError(); wanted != nil {
		return nil, failureWith(wanted, info)
	}
	return &conformancepb.ConformancePayload{Data: definition.GetResponseData(), RequestInfo: info}, nil
}

func (conformanceService) ServerStream(ctx context.Context, request *conformancepb.ServerStreamRequest) iter.Seq2[*conformancepb.ServerStreamResponse, error] {
	return func(yield func(*conformancepb.ServerStreamResponse, error) bool) {
		r := responder{ctx: ctx, definition: request.GetResponseDefinition()}
		r.begin()
		r.received = []proto.Message{request}
		err := r.respondAll(func(payload *conformancepb.ConformancePayload) bool {
			return yield(&conformancepb.ServerStreamResponse{Payload: payload}, nil)
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

func (conformanceService) BidiStream(ctx context.Context, in iter.Seq2[*conformancepb.BidiStreamRequest, error]) iter.Seq2[*conformancepb.BidiStreamResponse, error] {
	return func(yield func(*conformancepb.BidiStreamResponse, error) bool) {
		send := func(payload *conformancepb.ConformancePayload) bool {
			return yield(&conformancepb.BidiStreamResponse{Payload: payload}, nil)
		}
		r := responder{ctx: ctx}
		if err := r.converse(in, send); err != nil {
			yield(nil, err)
		}
	}
}

// responder sends what the first request of a call has defined.
type responder struct {
	ctx        context.Context
	definition *conformancepb.StreamResponseDefinition
	received   []proto.Message // and not told of yet
	sent       int
	gone       bool // nobody takes responses any more
}

// begin sends the headers, which clients wait for.
func (r *responder) begin() {
	if r.definition == nil {
		return
	}
	call := farcall.IncomingCall(r.ctx)
	addHeaders(call.ResponseHeader(), r.definition.GetResponseHeaders())
	addHeaders(call.ResponseTrailer(), r.definition.GetResponseTrailers())
	_ = call.SendHeader() // it fails with the call, and so does what follows
}

// converse answers a two-way call: in full duplex each request as it comes, otherwise all of them in the end.
func (r *responder) converse(in iter.Seq2[*conformancepb.BidiStreamRequest, error], send func(*conformancepb.ConformancePayload) bool) error {
	fullDuplex, first := false, true
	for request, err := range in {
		if err != nil {
			return err
		}
		r.received = append(r.received, request)
		if first {
			first, fullDuplex, r.definition = false, request.GetFullDuplex(), request.GetResponseDefinition()
			r.begin()
		}
		if !fullDuplex {
			continue
		}
		if r.sent == len(r.definition.GetResponseData()) {
			break
		}
		if err := r.respond(send, true); err != nil || r.gone {
			return err
		}
	}
	return r.respondAll(send)
}

// respondAll sends what is left to send and returns the error that is to end the call.
func (r *responder) respondAll(send func(*conformancepb.ConformancePayload) bool) error {
	for r.sent < len(r.definition.GetResponseData()) {
		if err := r.respond(send, false); err != nil || r.gone {
			return err
		}
	}
	wanted := r.definition.GetError()
	if wanted == nil || r.sent > 0 {
		return failure(wanted)
	}
	info, err := requestInfo(r.ctx, r.received)
	if err != nil {
		return err
	}
	return failureWith(wanted, info)
}

// respond sends the next response. The first tells all of the call, later ones the new requests where each has an answer.
func (r *responder) respond(send func(*conformancepb.ConformancePayload) bool, each bool) error {
	payload := &conformancepb.ConformancePayload{Data: r.definition.GetResponseData()[r.sent]}
	if r.sent == 0 || each {
		info, err := requestInfo(r.ctx, r.received)
		if err != nil {
			return err
		}
		if r.sent > 0 {
			info = &conformancepb.ConformancePayload_RequestInfo{Requests: info.GetRequests()}
		}
		payload.RequestInfo = info
		r.received = nil
	}
	if err := pause(r.ctx, r.definition.GetResponseDelayMs()); err != nil {
		return err
	}
	r.sent++
	r.gone = !send(payload)
	return nil
}

// requestInfo is what the server has seen of a call.
func requestInfo(ctx context.Context, received []proto.Message) (*conformancepb.ConformancePayload_RequestInfo, error) {
	info := &conformancepb.ConformancePayload_RequestInfo{RequestHeaders: headersOf(*farcall.IncomingCall(ctx).RequestHeader())}
	if deadline, ok := ctx.Deadline(); ok {
		info.TimeoutMs = new(max(time.Until(deadline), 0).Milliseconds())
	}
	for _, message := range received {
		packed, err := anypb.New(message)
		if err != nil {
			return nil, err
		}
		info.Requests = append(info.Requests, packed)
	}
	return info, nil
}

// failureWith is the error of a call without responses, which carries what responses would tell.
func failureWith(wanted *conformancepb.Error, info *conformancepb.ConformancePayload_RequestInfo) error {
	packed, err := anypb.New(info)
	if err != nil {
		return err
	}
	return failure(wanted, packed)
}

// pause waits as long as the suite asks for, or until the call ends.
func pause(ctx context.Context, milliseconds uint32) error {
	if milliseconds == 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

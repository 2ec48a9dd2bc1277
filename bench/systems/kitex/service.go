// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cloudwego/fastpb"
	"github.com/cloudwego/kitex/pkg/serviceinfo"
	"github.com/cloudwego/kitex/pkg/streaming"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
)

// This file is what kitex's generator makes of charge.proto, in short: the generator wants messages of its own, and those of
// all systems are chargepb's. Their codec is kitex's (fastpb), by the build tag kitex.

// fastMessage is a message with kitex's codec.
type fastMessage interface {
	proto.Message
	fastpb.Reader
	fastpb.Writer
}

// fast says what is wrong if the program was built without the tag.
func fast(message proto.Message) fastMessage {
	has, ok := message.(fastMessage)
	if !ok {
		panic(fmt.Sprintf("%T has not got kitex's codec: build with -tags kitex", message))
	}
	return has
}

// argument is a request or a response as kitex passes it around.
type argument struct{ message fastMessage }

func (a *argument) FastRead(buffer []byte, kind int8, number int32) (int, error) {
	return a.message.FastRead(buffer, kind, number)
}
func (a *argument) FastWrite(buffer []byte) int         { return a.message.FastWrite(buffer) }
func (a *argument) Size() int                           { return a.message.Size() }
func (a *argument) Marshal([]byte) ([]byte, error)      { return proto.Marshal(a.message) }
func (a *argument) Unmarshal(data []byte) error         { return proto.Unmarshal(data, a.message) }
func (a *argument) GetFirstArgument() any               { return a.message }
func (a *argument) GetResult() any                      { return a.message }
func (a *argument) SetSuccess(success any)              { a.message = success.(fastMessage) }
func newArgument[Message any, P pointer[Message]]() any { return &argument{fast(P(new(Message)))} }

type pointer[Message any] interface {
	*Message
	proto.Message
}

// service is what both ends have to know.
func service() *serviceinfo.ServiceInfo {
	return &serviceinfo.ServiceInfo{
		ServiceName: "Payments", HandlerType: (*any)(nil), PayloadCodec: serviceinfo.Protobuf, KiteXGenVersion: "v0.12.3",
		Extra: map[string]any{"PackageName": "farcall.bench.v1", "streaming": true},
		Methods: map[string]serviceinfo.MethodInfo{
			"Charge":  method[chargepb.ChargeRequest, chargepb.ChargeResponse](serveUnary(harness.Charge), serviceinfo.StreamingUnary),
			"Echo":    method[chargepb.Payload, chargepb.Payload](serveUnary(harness.Echo), serviceinfo.StreamingUnary),
			"Watch":   method[chargepb.WatchRequest, chargepb.ChargeResponse](serveStream(watch), serviceinfo.StreamingServer),
			"Settle":  method[chargepb.ChargeRequest, chargepb.SettleResponse](serveStream(settle), serviceinfo.StreamingClient),
			"Dispute": method[chargepb.ChargeRequest, chargepb.ChargeResponse](serveStream(dispute), serviceinfo.StreamingBidirectional),
		},
	}
}

func method[Request, Response any, P pointer[Request], Q pointer[Response]](handler serviceinfo.MethodHandler, mode serviceinfo.StreamingMode) serviceinfo.MethodInfo {
	return serviceinfo.NewMethodInfo(handler, newArgument[Request, P], newArgument[Response, Q], false, serviceinfo.WithStreamingMode(mode))
}

var errNoStream = errors.New("the method was not called with gRPC's protocol")

// serveUnary makes a handler of a function.
func serveUnary[Request, Response any, P pointer[Request], Q pointer[Response]](serve func(P) Q) serviceinfo.MethodHandler {
	return func(_ context.Context, _, argument, _ any) error {
		call, ok := argument.(*streaming.Args)
		if !ok {
			return errNoStream
		}
		request := P(new(Request))
		if err := call.Stream.RecvMsg(request); err != nil {
			return err
		}
		return call.Stream.SendMsg(serve(request))
	}
}

func serveStream(serve func(streaming.Stream) error) serviceinfo.MethodHandler {
	return func(_ context.Context, _, argument, _ any) error {
		call, ok := argument.(*streaming.Args)
		if !ok {
			return errNoStream
		}
		return serve(call.Stream)
	}
}

func watch(stream streaming.Stream) error {
	request := new(chargepb.WatchRequest)
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	for range request.GetCount() {
		if err := stream.SendMsg(harness.Event()); err != nil {
			return err
		}
	}
	return nil
}

func settle(stream streaming.Stream) error {
	summary := new(chargepb.SettleResponse)
	for {
		if err := stream.RecvMsg(new(chargepb.ChargeRequest)); errors.Is(err, io.EOF) {
			return stream.SendMsg(summary)
		} else if err != nil {
			return err
		}
		summary.Count++
	}
}

func dispute(stream streaming.Stream) error {
	for {
		request := new(chargepb.ChargeRequest)
		if err := stream.RecvMsg(request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(harness.Charge(request)); err != nil {
			return err
		}
	}
}

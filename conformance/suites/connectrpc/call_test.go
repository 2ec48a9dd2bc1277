// SPDX-License-Identifier: Apache-2.0

package connectrpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/suites/conformancepb"
)

// concurrent is how many calls the client under test makes at a time.
const concurrent = 8

// runClient is the client under test: it makes the calls it is asked for and tells how each went, until its input ends.
func runClient(in io.Reader, out io.Writer, options client.Options) error {
	var (
		calls  sync.WaitGroup
		mu     sync.Mutex // guards what follows, and out
		broken error
	)
	defer calls.Wait()
	places := make(chan struct{}, concurrent)
	for {
		request := &conformancepb.ClientCompatRequest{}
		if err := readMessage(in, request); err != nil {
			calls.Wait()
			if err == io.EOF {
				err = broken
			}
			return err
		}
		places <- struct{}{}
		calls.Go(func() {
			defer func() { <-places }()
			answer := &conformancepb.ClientCompatResponse{TestName: request.GetTestName()}
			if result, err := makeCall(context.Background(), request, options); err != nil {
				answer.Result = &conformancepb.ClientCompatResponse_Error{Error: &conformancepb.ClientErrorResult{Message: err.Error()}}
			} else {
				answer.Result = &conformancepb.ClientCompatResponse_Response{Response: result}
			}
			mu.Lock()
			defer mu.Unlock()
			if err := writeMessage(out, answer); err != nil {
				broken = errors.Join(broken, err)
			}
		})
	}
}

// makeCall makes one call over a connection of its own. An error is one of ours: how the call itself ended is part of the
// result.
func makeCall(ctx context.Context, request *conformancepb.ClientCompatRequest, options client.Options) (*conformancepb.ClientResponseResult, error) {
	conn, err := connect(request, options)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if request.TimeoutMs != nil {
		timed, stop := context.WithTimeout(ctx, time.Duration(request.GetTimeoutMs())*time.Millisecond)
		defer stop()
		ctx = timed
	}
	var metadata farcall.Metadata
	addHeaders(&metadata, request.GetRequestHeaders())
	for key, value := range metadata.All() {
		ctx = farcall.WithMetadata(ctx, key, value)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &attempt{request: request, conn: conn, stub: conformancepb.NewConformanceServiceStub(conn), cancel: cancel}
	if err := a.run(ctx); err != nil {
		return nil, err
	}
	a.result.NumUnsentRequests = a.unsent.Load()
	return &a.result, nil
}

// connect returns a connection as the suite wants it.
func connect(request *conformancepb.ClientCompatRequest, options client.Options) (*client.Conn, error) {
	switch request.GetProtocol() {
	case conformancepb.Protocol_PROTOCOL_GRPC:
	case conformancepb.Protocol_PROTOCOL_GRPC_WEB:
		options.Protocol = client.GRPCWeb
	case conformancepb.Protocol_PROTOCOL_CONNECT:
		options.Protocol, options.ConnectGet = client.Connect, request.GetUseGetHttpMethod()
	default:
		return nil, fmt.Errorf("%v is not spoken", request.GetProtocol())
	}
	switch request.GetHttpVersion() {
	case conformancepb.HTTPVersion_HTTP_VERSION_1:
		options.HTTP1 = true
	case conformancepb.HTTPVersion_HTTP_VERSION_2:
	default:
		return nil, fmt.Errorf("%v is not spoken", request.GetHttpVersion())
	}
	options.MaxReceiveBytes, options.Plaintext = int(request.GetMessageReceiveLimit()), true
	if request.GetCodec() == conformancepb.Codec_CODEC_JSON {
		options.Codec = codec.JSON
	}
	options.MinCompressBytes = -1 // the suite's messages are small
	switch request.GetCompression() {
	case conformancepb.Compression_COMPRESSION_GZIP:
		options.Compression = "gzip"
	case conformancepb.Compression_COMPRESSION_ZSTD:
		options.Compression = "zstd"
	}
	if trusted := request.GetServerTlsCert(); len(trusted) > 0 {
		options.Plaintext, options.TLS = false, &tls.Config{RootCAs: x509.NewCertPool()}
		if !options.TLS.RootCAs.AppendCertsFromPEM(trusted) {
			return nil, errors.New("the server's certificate cannot be read")
		}
	}
	if own := request.GetClientTlsCreds(); own != nil {
		pair, err := tls.X509KeyPair(own.GetCert(), own.GetKey())
		if err != nil {
			return nil, err
		}
		options.TLS.Certificates = []tls.Certificate{pair}
	}
	return client.New(net.JoinHostPort(request.GetHost(), strconv.Itoa(int(request.GetPort()))), options)
}

// attempt is one call and what is known of it. Two-way calls in full duplex use the Open form, all others the stub.
type attempt struct {
	request *conformancepb.ClientCompatRequest
	conn    *client.Conn
	stub    conformancepb.ConformanceService
	cancel  context.CancelFunc
	result  conformancepb.ClientResponseResult
	unsent  atomic.Int32 // requests; set by the iterator that yields them
}

func (a *attempt) run(ctx context.Context) error {
	switch a.request.GetMethod() {
	case "Unary":
		return unary(ctx, a, a.stub.Unary)
	case "IdempotentUnary":
		return unary(ctx, a, a.stub.IdempotentUnary)
	case "Unimplemented":
		return unary(ctx, a, a.stub.Unimplemented)
	case "ServerStream":
		return a.serverStream(ctx)
	case "ClientStream":
		return a.clientStream(ctx)
	case "BidiStream":
		if a.request.GetStreamType() == conformancepb.StreamType_STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM {
			return a.fullDuplex(ctx)
		}
		return a.halfDuplex(ctx)
	}
	return fmt.Errorf("there is no method %q", a.request.GetMethod())
}

// message is a generated message, as the stubs have it in their signatures.
type message[T any] interface {
	*T
	proto.Message
}

// requestsAs returns the messages to send.
func requestsAs[T any, M message[T]](a *attempt) ([]*T, error) {
	var requests []*T
	for _, packed := range a.request.GetRequestMessages() {
		request := M(new(T))
		if err := packed.UnmarshalTo(request); err != nil {
			return nil, err
		}
		requests = append(requests, request)
	}
	return requests, nil
}

// onlyRequest returns the message to send where there is exactly one.
func onlyRequest[T any, M message[T]](a *attempt) (*T, error) {
	requests, err := requestsAs[T, M](a)
	if err != nil {
		return nil, err
	}
	if len(requests) != 1 {
		return nil, fmt.Errorf("%s was given %d messages to send", a.request.GetMethod(), len(requests))
	}
	return requests[0], nil
}

// payloader is a response of any method but Unimplemented, which has none.
type payloader interface {
	GetPayload() *conformancepb.ConformancePayload
}

func unary[Q any, QM message[Q], R any](ctx context.Context, a *attempt, method func(context.Context, QM) (*R, error)) error {
	request, err := onlyRequest[Q, QM](a)
	if err != nil {
		return err
	}
	a.sent()
	ctx, call := farcall.NewCall(ctx)
	response, err := method(ctx, request)
	if carrier, ok := any(response).(payloader); ok && err == nil {
		a.received(carrier)
	}
	a.ended(call, err)
	return nil
}

func (a *attempt) serverStream(ctx context.Context) error {
	request, err := onlyRequest[conformancepb.ServerStreamRequest](a)
	if err != nil {
		return err
	}
	a.sent()
	ctx, call := farcall.NewCall(ctx)
	a.ended(call, receiveAll(a, a.stub.ServerStream(ctx, request)))
	return nil
}

func (a *attempt) clientStream(ctx context.Context) error {
	requests, err := requestsAs[conformancepb.ClientStreamRequest](a)
	if err != nil {
		return err
	}
	ctx, call := farcall.NewCall(ctx)
	response, err := a.stub.ClientStream(ctx, sending(ctx, a, requests))
	if err == nil {
		a.received(response)
	}
	a.ended(call, err)
	return nil
}

func (a *attempt) halfDuplex(ctx context.Context) error {
	requests, err := requestsAs[conformancepb.BidiStreamRequest](a)
	if err != nil {
		return err
	}
	ctx, call := farcall.NewCall(ctx)
	a.ended(call, receiveAll(a, a.stub.BidiStream(ctx, sending(ctx, a, requests))))
	return nil
}

// fullDuplex sends a request and receives a response in turns, as long as there are requests.
func (a *attempt) fullDuplex(ctx context.Context) error {
	requests, err := requestsAs[conformancepb.BidiStreamRequest](a)
	if err != nil {
		return err
	}
	ctx, call := farcall.NewCall(ctx)
	stream, err := conformancepb.OpenConformanceServiceBidiStream(ctx, a.conn)
	if err != nil {
		a.ended(call, err)
		return nil
	}
	defer stream.Close()
	for i, request := range requests {
		a.delay(ctx)
		err = stream.Send(request)
		if err != nil {
			a.unsent.Store(int32(len(requests) - i))
		}
		if err == nil || err == io.EOF { // Receive says how the call has ended
			err = receiveOne(a, stream)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		a.beforeCloseSend()
		_ = stream.CloseSend() // Receive says how the call has ended
		a.sent()
	}
	for err == nil {
		err = receiveOne(a, stream)
	}
	if err == io.EOF {
		err = nil
	}
	header, trailer := stream.Header(), stream.Trailer()
	a.endedWith(header, trailer, err)
	return nil
}

func receiveOne(a *attempt, stream *farcall.BidiStream[conformancepb.BidiStreamRequest, conformancepb.BidiStreamResponse]) error {
	response, err := stream.Receive()
	if err == nil {
		a.received(response)
	}
	return err
}

// sending yields the requests at the suite's pace.
func sending[T any](ctx context.Context, a *attempt, requests []*T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for i, request := range requests {
			a.delay(ctx)
			if !yield(request, nil) {
				a.unsent.Store(int32(len(requests) - i))
				return
			}
		}
		a.beforeCloseSend()
		a.sent()
	}
}

func receiveAll[T any](a *attempt, responses iter.Seq2[*T, error]) error {
	for response, err := range responses {
		if err != nil {
			return err
		}
		a.received(any(response).(payloader))
	}
	return nil
}

// delay waits before a request as the suite wants it.
func (a *attempt) delay(ctx context.Context) {
	_ = pause(ctx, a.request.GetRequestDelayMs()) // the call says that it has ended
}

// beforeCloseSend cancels the call if it is to be cancelled instead of half-closed.
func (a *attempt) beforeCloseSend() {
	if _, now := a.request.GetCancel().GetCancelTiming().(*conformancepb.ClientCompatRequest_Cancel_BeforeCloseSend); now {
		a.cancel()
	}
}

// sent arranges for a call that is to be cancelled some time after its last request. A stub that takes its only request
// with the call sends it then, so it is called before.
func (a *attempt) sent() {
	if a.request.GetCancel() == nil {
		return
	}
	switch timing := a.request.GetCancel().GetCancelTiming().(type) {
	case nil:
		a.cancel()
	case *conformancepb.ClientCompatRequest_Cancel_AfterCloseSendMs:
		time.AfterFunc(time.Duration(timing.AfterCloseSendMs)*time.Millisecond, a.cancel)
	}
}

// received notes a response, and cancels the call if it is to be cancelled after it.
func (a *attempt) received(response payloader) {
	payload := response.GetPayload()
	if payload == nil {
		payload = &conformancepb.ConformancePayload{}
	}
	a.result.Payloads = append(a.result.Payloads, payload)
	timing, ok := a.request.GetCancel().GetCancelTiming().(*conformancepb.ClientCompatRequest_Cancel_AfterNumResponses)
	if ok && int(timing.AfterNumResponses) == len(a.result.GetPayloads()) {
		a.cancel()
	}
}

func (a *attempt) ended(call *farcall.Call, err error) {
	a.endedWith(*call.ResponseHeader(), *call.ResponseTrailer(), err)
}

func (a *attempt) endedWith(header, trailer farcall.Metadata, err error) {
	a.result.ResponseHeaders, a.result.ResponseTrailers = headersOf(header), headersOf(trailer)
	if err != nil {
		failed := farcall.AsError(err)
		a.result.Error = &conformancepb.Error{
			Code: conformancepb.Code(failed.Code), Message: new(failed.Message), Details: append([]*anypb.Any(nil), failed.Details...),
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
)

// unaryStream plays the server's end of one call.
type unaryStream struct {
	farcall.Stream
	request    string
	receiveErr error
	sent       any
}

func (s *unaryStream) Method() *farcall.Method { return charge }

func (s *unaryStream) Receive(message any) error {
	message.(*wrapperspb.StringValue).Value = s.request
	return s.receiveErr
}

func (s *unaryStream) Send(message any) error { s.sent = message; return nil }

func TestHandleUnary(t *testing.T) {
	busy := farcall.Errorf(farcall.Aborted, "busy")
	answer := wrapperspb.String("answer")
	for name, test := range map[string]struct {
		stream   unaryStream
		response *wrapperspb.StringValue
		err      error
		want     farcall.Code
	}{
		"a message":               {response: answer},
		"an error":                {err: busy, want: farcall.Aborted},
		"both, the error wins":    {response: answer, err: busy, want: farcall.Aborted},
		"neither":                 {want: farcall.Internal},
		"no request to be had":    {stream: unaryStream{receiveErr: farcall.Errorf(farcall.Canceled, "gone")}, response: answer, want: farcall.Canceled},
		"a request and an answer": {stream: unaryStream{request: "question"}, response: answer},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			handler := farcall.HandleUnary(func(_ context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
				called = true
				if request.Value != test.stream.request {
					t.Errorf("request %q", request.Value)
				}
				return test.response, test.err
			})
			err := handler(t.Context(), &test.stream)
			if farcall.CodeOf(err) != test.want {
				t.Errorf("outcome %v, want %v", err, test.want)
			}
			if called == (test.stream.receiveErr != nil) {
				t.Errorf("handler called: %v", called)
			}
			if (test.stream.sent != nil) != (test.want == farcall.OK) {
				t.Errorf("sent %v", test.stream.sent)
			}
		})
	}
}

// invoker answers every call with the request's value in brackets, or fails.
type invoker struct {
	farcall.Invoker // nil: there are only unary calls
	err             error
}

func (i invoker) Invoke(_ context.Context, method *farcall.Method, request, response any) error {
	if method != charge {
		return errors.New("another method")
	}
	response.(*wrapperspb.StringValue).Value = "<" + request.(*wrapperspb.StringValue).Value + ">"
	return i.err
}

func TestInvokeUnary(t *testing.T) {
	got, err := farcall.InvokeUnary[wrapperspb.StringValue](t.Context(), invoker{}, charge, wrapperspb.String("x"))
	if err != nil || got.Value != "<x>" {
		t.Errorf("InvokeUnary = %v, %v", got, err)
	}
	got, err = farcall.InvokeUnary[wrapperspb.StringValue](t.Context(), invoker{err: io.EOF}, charge, wrapperspb.String("x"))
	if got != nil || err != io.EOF {
		t.Errorf("a failed call returned %v, %v", got, err)
	}
}

func TestMethodNames(t *testing.T) {
	if charge.Service() != "shop.v1.Payments" || charge.Name() != "Charge" || charge.String() != "shop.v1.Payments/Charge" {
		t.Errorf("%q %q %q", charge.Service(), charge.Name(), charge.String())
	}
	odd := &farcall.Method{Path: "odd"}
	if odd.Service() != "odd" || odd.Name() != "odd" {
		t.Errorf("%q %q", odd.Service(), odd.Name())
	}
}

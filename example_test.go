// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
	"github.com/farcall/farcall/testdata/greeterpb"
)

// `go generate ./...` does not look into testdata, so the line for the code there is here.
//go:generate env GOWORK=off go -C cmd run ./farcall generate ../testdata/greeterpb

// greeter implements greeterpb.Greeter, as generated from the service Greeter of a .proto file.
type greeter struct{}

func (greeter) Greet(ctx context.Context, req *greeterpb.GreetRequest) (*greeterpb.GreetResponse, error) {
	if req.GetName() == "" {
		return nil, farcall.Errorf(farcall.InvalidArgument, "name is missing")
	}
	call := farcall.IncomingCall(ctx)
	call.ResponseHeader().Set("greeter", "greeter-3")
	greeting := "Hello, "
	if call.RequestHeader().Get("language") == "fr" {
		greeting = "Bonjour, "
	}
	return &greeterpb.GreetResponse{Text: greeting + req.GetName() + "!"}, nil
}

func (g greeter) CountDown(ctx context.Context, req *greeterpb.CountDownRequest) iter.Seq2[*greeterpb.GreetResponse, error] {
	return func(yield func(*greeterpb.GreetResponse, error) bool) {
		for n := req.GetFrom(); n > 0; n-- {
			if !yield(&greeterpb.GreetResponse{Text: fmt.Sprint(n, "...")}, nil) {
				return // the caller has left
			}
		}
		yield(g.Greet(ctx, &greeterpb.GreetRequest{Name: req.GetName()}))
	}
}

func (g greeter) Meet(ctx context.Context, in iter.Seq2[*greeterpb.GreetRequest, error]) iter.Seq2[*greeterpb.GreetResponse, error] {
	return func(yield func(*greeterpb.GreetResponse, error) bool) {
		for req, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			answer, err := g.Greet(ctx, req)
			if !yield(answer, err) || err != nil {
				return
			}
		}
	}
}

// One interface serves both ends: the service implements it, and the caller holds a stub of it. Here both are in one
// process; a *client.Conn in the place of srv.Local() puts a network between them.
func Example() {
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})

	stub := greeterpb.NewGreeterStub(srv.Local())
	answer, err := stub.Greet(context.Background(), &greeterpb.GreetRequest{Name: "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.GetText())
	// Output: Hello, Ada!
}

// A code is an error: the handler returns one with a message, and the caller asks for the code.
func ExampleErrorf() {
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})
	stub := greeterpb.NewGreeterStub(srv.Local())

	_, err := stub.Greet(context.Background(), &greeterpb.GreetRequest{})
	fmt.Println(err)
	fmt.Println(errors.Is(err, farcall.InvalidArgument))
	fmt.Println(farcall.CodeOf(err) == farcall.NotFound)
	// Output:
	// INVALID_ARGUMENT: name is missing
	// true
	// false
}

// Details are typed messages that cross the wire with the error.
func ExampleDetail() {
	err := farcall.NewError(farcall.InvalidArgument, "two fields are wrong", &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "name", Description: "is empty"},
			{Field: "from", Description: "is negative"},
		},
	})

	if request, ok := farcall.Detail[*errdetails.BadRequest](err); ok {
		for _, violation := range request.GetFieldViolations() {
			fmt.Println(violation.GetField(), violation.GetDescription())
		}
	}
	// Output:
	// name is empty
	// from is negative
}

// Metadata goes along with the calls made with a context.
func ExampleWithMetadata() {
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})
	stub := greeterpb.NewGreeterStub(srv.Local())

	ctx := farcall.WithMetadata(context.Background(), "language", "fr")
	answer, err := stub.Greet(ctx, &greeterpb.GreetRequest{Name: "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.GetText())
	// Output: Bonjour, Ada!
}

// A Call collects the headers and trailers of one call's answer.
func ExampleNewCall() {
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})
	stub := greeterpb.NewGreeterStub(srv.Local())

	ctx, call := farcall.NewCall(context.Background())
	if _, err := stub.Greet(ctx, &greeterpb.GreetRequest{Name: "Ada"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(call.ResponseHeader().Get("greeter"))
	// Output: greeter-3
}

// A feed is a two-way call's input that other goroutines write.
func ExampleFeed() {
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})
	stub := greeterpb.NewGreeterStub(srv.Local())

	ctx, names := farcall.NewFeed[greeterpb.GreetRequest](context.Background())
	go func() {
		defer names.Close(nil)
		for _, name := range []string{"Grace", "Linus"} {
			if err := names.Send(ctx, &greeterpb.GreetRequest{Name: name}); err != nil {
				return // the call has ended, and the loop below says how
			}
		}
	}()
	for answer, err := range stub.Meet(ctx, names.All()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(answer.GetText())
	}
	// Output:
	// Hello, Grace!
	// Hello, Linus!
}

// Where the next request depends on the last answer, both directions are in the caller's hands.
func ExampleBidiStream() {
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})

	meeting, err := greeterpb.OpenGreeterMeet(context.Background(), srv.Local())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer meeting.Close()
	for _, name := range []string{"Ken", "Rob"} {
		_ = meeting.Send(&greeterpb.GreetRequest{Name: name}) // if it fails, Receive says why
		answer, err := meeting.Receive()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(answer.GetText())
	}
	// Output:
	// Hello, Ken!
	// Hello, Rob!
}

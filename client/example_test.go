// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
	"github.com/farcall/farcall/testdata/greeterpb"
)

// greeter is the service that the examples call.
type greeter struct{ greeterpb.UnimplementedGreeter }

func (greeter) Greet(_ context.Context, req *greeterpb.GreetRequest) (*greeterpb.GreetResponse, error) {
	return &greeterpb.GreetResponse{Text: "Hello, " + req.GetName() + "!"}, nil
}

func (greeter) CountDown(ctx context.Context, req *greeterpb.CountDownRequest) iter.Seq2[*greeterpb.GreetResponse, error] {
	return func(yield func(*greeterpb.GreetResponse, error) bool) {
		for n := req.GetFrom(); n > 0; n-- {
			if !yield(&greeterpb.GreetResponse{Text: fmt.Sprint(n, "...")}, nil) {
				return
			}
		}
		if req.GetName() == "" {
			<-ctx.Done() // nobody to greet
			yield(nil, ctx.Err())
			return
		}
		yield(&greeterpb.GreetResponse{Text: "Hello, " + req.GetName() + "!"}, nil)
	}
}

// startGreeter returns the address of a server, and what stops it.
func startGreeter() (address string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	srv := server.New(server.Options{})
	greeterpb.RegisterGreeter(srv, greeter{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends with Close
	return listener.Addr().String(), func() {
		if err := errors.Join(srv.Close(), <-served); err != nil {
			panic(err)
		}
	}
}

// A connection is made with the first call, and shared by all calls and stubs.
func ExampleNew() {
	address, stop := startGreeter()
	defer stop()

	conn, err := client.New(address, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	stub := greeterpb.NewGreeterStub(conn)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := stub.Greet(ctx, &greeterpb.GreetRequest{Name: "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.GetText())
	// Output: Hello, Ada!
}

// A stream is ranged like anything else. Its error comes once, last; leaving the loop ends the call.
func ExampleConn_streams() {
	address, stop := startGreeter()
	defer stop()
	conn, err := client.New(address, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request := &greeterpb.CountDownRequest{Name: "Ada", From: 2}
	for answer, err := range greeterpb.NewGreeterStub(conn).CountDown(ctx, request) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(answer.GetText())
	}
	// Output:
	// 2...
	// 1...
	// Hello, Ada!
}

// The context ends a call wherever it is: here while the loop waits for an answer.
func ExampleConn_cancel() {
	address, stop := startGreeter()
	defer stop()
	conn, err := client.New(address, client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for answer, err := range greeterpb.NewGreeterStub(conn).CountDown(ctx, &greeterpb.CountDownRequest{From: 1}) {
		if err != nil {
			fmt.Println(errors.Is(err, farcall.Canceled), errors.Is(err, context.Canceled))
			return
		}
		fmt.Println(answer.GetText())
		cancel()
	}
	// Output:
	// 1...
	// true true
}

// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/health"
	"github.com/farcall/farcall/reflection"
	"github.com/farcall/farcall/server"
	"github.com/farcall/farcall/testdata/greeterpb"
)

// greeter is the service that the examples offer, a part of greeterpb.Greeter on purpose.
type greeter struct{ greeterpb.UnimplementedGreeter }

func (greeter) Greet(_ context.Context, req *greeterpb.GreetRequest) (*greeterpb.GreetResponse, error) {
	return &greeterpb.GreetResponse{Text: "Hello, " + req.GetName() + "!"}, nil
}

// One port has the services, health checks for load balancers, and reflection for grpcurl. Ctrl-C ends the server in
// peace: it takes no new calls, and those under way have ten seconds to end.
func ExampleServer_Shutdown() {
	srv := server.New(server.Options{})
	greeterpb.RegisterGreeter(srv, greeter{})
	health.Register(srv)
	reflection.Register(srv)

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	go func() {
		<-interrupted
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			fmt.Println(err)
		}
	}()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	interrupted <- os.Interrupt // the example's Ctrl-C
	if err := srv.Serve(listener); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("everything is answered")
	// Output: everything is answered
}

// Local calls the server's handlers in this process, as a client would from afar. A test needs no port.
func ExampleServer_Local() {
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

// A unix socket is a listener like any other.
func ExampleServer_Serve() {
	directory, err := os.MkdirTemp("", "greeter-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(directory)
	listener, err := net.Listen("unix", directory+"/socket")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})
	go srv.Serve(listener) // ends with Close

	conn, err := client.New("unix://"+directory+"/socket", client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	answer, err := greeterpb.NewGreeterStub(conn).Greet(context.Background(), &greeterpb.GreetRequest{Name: "Ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.GetText())
	// Output: Hello, Ada!
}

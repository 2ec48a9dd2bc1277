// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/farcall/farcall/server"
	"github.com/farcall/farcall/testdata/greeterpb"
)

// The port that speaks gRPC answers REST as well, where the .proto file has a rule for the method:
//
//	rpc Greet(GreetRequest) returns (GreetResponse) {
//	  option (google.api.http) = {get: "/v1/greetings/{name}"};
//	}
func ExampleServer_rest() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := server.New(server.Options{})
	defer srv.Close()
	greeterpb.RegisterGreeter(srv, greeter{})
	go srv.Serve(listener) // ends with Close

	response, err := http.Get("http://" + listener.Addr().String() + "/v1/greetings/Ada")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Status, string(body))
	// Output: 200 OK {"text":"Hello, Ada!"}
}

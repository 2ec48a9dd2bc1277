// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

func TestRegisterTwiceNamesBothPlaces(t *testing.T) {
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	defer srv.Close()
	defer func() {
		message := fmt.Sprint(recover())
		if !strings.Contains(message, "test.v1.Echo/Say is registered twice") || !strings.Contains(message, "server_test.go:") || !strings.Contains(message, "register_test.go:") {
			t.Errorf("panicked with %s", message)
		}
	}()
	srv.Register(say, farcall.HandleUnary(repeat))
}

func TestMethodsAreSorted(t *testing.T) {
	srv := server.New(server.Options{})
	defer srv.Close()
	for _, method := range []*farcall.Method{say, chat, collect} {
		srv.Register(method, nil)
	}
	if got := fmt.Sprint(srv.Methods()); got != "[test.v1.Echo/Chat test.v1.Echo/Collect test.v1.Echo/Say]" {
		t.Errorf("got %s", got)
	}
}

func TestUnknownServiceOfAnEmptyServer(t *testing.T) {
	srv := server.New(server.Options{})
	defer srv.Close()
	_, err := call(t.Context(), srv.Local(), "x")
	if err == nil || err.Error() != "UNIMPLEMENTED: there is no service test.v1.Echo here: none is registered" {
		t.Errorf("got %v", err)
	}
}

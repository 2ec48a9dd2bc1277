// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package client

import (
	"context"
	"errors"

	"github.com/farcall/farcall/internal/exchange"
)

// http1 needs net/http, which the build tag farcall_grpconly leaves out.
type http1 struct{}

func newHTTP1(*Conn) (*http1, error) {
	return nil, errors.New("HTTP/1.1 was left out: the program was built with the tag farcall_grpconly")
}

func (*http1) close() {}

func (*http1) Open(context.Context, exchange.Head, []byte, bool) (exchange.Sent, error) {
	return nil, errors.ErrUnsupported
}

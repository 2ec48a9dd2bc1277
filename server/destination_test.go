// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"fmt"
	"testing"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
)

// TestWhereARequestGoesCostsTheSameAmongManyMethods counts what it takes to decide about a request that is no method's.
func TestWhereARequestGoesCostsTheSameAmongManyMethods(t *testing.T) {
	cost := func(methods int) float64 {
		srv := New(Options{})
		defer srv.Close()
		for i := range methods {
			srv.Register(&farcall.Method{Path: fmt.Sprintf("/a.v1.S%d/Do", i)}, func(context.Context, farcall.Stream) error { return nil })
		}
		head := exchange.Head{Fields: []exchange.Field{{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/v1/orders"}}}
		return testing.AllocsPerRun(100, func() { srv.edge.destination(head) })
	}
	if few, many := cost(1), cost(1000); many > few {
		t.Errorf("among a thousand methods it takes %v allocations, with one %v", many, few)
	}
}

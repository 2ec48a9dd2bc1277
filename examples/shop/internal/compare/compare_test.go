// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBothWaysPay runs both ways against one service: the same key is the same payment, whichever way it came.
func TestBothWaysPay(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	addresses := make(chan [2]string, 1)
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, func(a, b string) { addresses <- [2]string{a, b} }) }() // ends with ctx
	at := <-addresses
	near, err := newFarcallClient(at[0])
	if err != nil {
		t.Fatal(err)
	}
	plain := newJSONClient(at[1], 1)
	one, err1 := near.charge(ctx, "k")
	other, err2 := plain.charge(ctx, "k")
	if err1 != nil || err2 != nil || one == "" || one != other {
		t.Errorf("by farcall the payment is %q, %v; by JSON %q, %v", one, err1, other, err2)
	}
	near.close()
	plain.close()

	var out strings.Builder
	if err := Run(ctx, at[0], at[1], Options{Rounds: 1, Round: 50 * time.Millisecond, InFlight: 4}, &out); err != nil {
		t.Error(err)
	}
	const outcome = `(?m)^\d+\.\d times cheaper: a payment takes \d+\.\d µs of CPU by farcall and \d+\.\d µs by JSON over HTTP/1\.1 .*$`
	if !regexp.MustCompile(outcome).MatchString(out.String()) {
		t.Errorf("printed %q, want a line like %s", out.String(), outcome)
	}
	end()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

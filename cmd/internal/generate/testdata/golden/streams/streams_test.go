// SPDX-License-Identifier: Apache-2.0

package streams

import (
	"context"
	"errors"
	"io"
	"iter"
	"testing"

	"github.com/farcall/farcall"
)

type service struct{ UnimplementedPayments }

func (service) Charge(_ context.Context, req *ChargeRequest) (*Payment, error) {
	return &Payment{Cents: req.Cents}, nil
}

func (service) Watch(_ context.Context, req *WatchRequest) iter.Seq2[*Payment, error] {
	return func(yield func(*Payment, error) bool) {
		for cents := range int64(req.Payments) {
			if !yield(&Payment{Cents: cents}, nil) {
				return
			}
		}
		yield(nil, farcall.Errorf(farcall.Unavailable, "no more payments"))
	}
}

func (service) Settle(_ context.Context, in iter.Seq2[*Record, error]) (*Summary, error) {
	summary := &Summary{}
	for record, err := range in {
		if err != nil {
			return nil, err
		}
		summary.Records++
		summary.Cents += record.Cents
	}
	return summary, nil
}

func (service) Dispute(_ context.Context, in iter.Seq2[*Message, error]) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for message, err := range in {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&Message{Text: "re: " + message.Text}, nil) {
				return
			}
		}
	}
}

func far() (Payments, network) {
	wire := network{}
	RegisterPayments(wire, service{})
	return NewPaymentsStub(wire), wire
}

func each(t *testing.T, test func(*testing.T, Payments)) {
	t.Run("near", func(t *testing.T) { test(t, service{}) })
	t.Run("far", func(t *testing.T) {
		stub, _ := far()
		test(t, stub)
	})
}

func messages(texts ...string) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for _, text := range texts {
			if !yield(&Message{Text: text}, nil) {
				return
			}
		}
	}
}

func TestCharge(t *testing.T) {
	each(t, func(t *testing.T, payments Payments) {
		if payment, err := payments.Charge(t.Context(), &ChargeRequest{Cents: 3}); err != nil || payment.Cents != 3 {
			t.Errorf("Charge returned %v, %v", payment, err)
		}
	})
}

func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, payments Payments) {
		var sum int64
		var errs []error
		for payment, err := range payments.Watch(t.Context(), &WatchRequest{Payments: 4}) {
			sum += payment.GetCents()
			if err != nil {
				errs = append(errs, err)
			}
		}
		if sum != 0+1+2+3 || len(errs) != 1 || !errors.Is(errs[0], farcall.Unavailable) {
			t.Errorf("the payments are %d cents together, the errors %v", sum, errs)
		}
		for payment, err := range payments.Watch(t.Context(), &WatchRequest{Payments: 1 << 30}) {
			if err != nil {
				t.Fatal(err)
			}
			if payment.Cents == 2 {
				break
			}
		}
	})
}

func TestSettle(t *testing.T) {
	each(t, func(t *testing.T, payments Payments) {
		summary, err := payments.Settle(t.Context(), func(yield func(*Record, error) bool) {
			_ = yield(&Record{Cents: 5}, nil) && yield(&Record{Cents: 6}, nil)
		})
		if err != nil || summary.Records != 2 || summary.Cents != 11 {
			t.Errorf("Settle returned %v, %v", summary, err)
		}
	})
}

func TestDispute(t *testing.T) {
	each(t, func(t *testing.T, payments Payments) {
		var got string
		for message, err := range payments.Dispute(t.Context(), messages("late", "lost")) {
			if err != nil {
				t.Fatal(err)
			}
			got += message.Text + ";"
		}
		if got != "re: late;re: lost;" {
			t.Errorf("the answers are %q", got)
		}
	})
}

func TestOpen(t *testing.T) {
	_, wire := far()

	watch, err := OpenPaymentsWatch(t.Context(), wire, &WatchRequest{Payments: 1})
	if err != nil {
		t.Fatal(err)
	}
	if payment, err := watch.Receive(); err != nil || payment.Cents != 0 {
		t.Errorf("Watch: Receive returned %v, %v", payment, err)
	}
	if payment, err := watch.Receive(); payment != nil || !errors.Is(err, farcall.Unavailable) {
		t.Errorf("Watch: at the end Receive returned %v, %v", payment, err)
	}

	settle, err := OpenPaymentsSettle(t.Context(), wire)
	if err != nil {
		t.Fatal(err)
	}
	if err := settle.Send(&Record{Cents: 7}); err != nil {
		t.Fatal(err)
	}
	if summary, err := settle.CloseAndReceive(); err != nil || summary.Records != 1 || summary.Cents != 7 {
		t.Errorf("Settle: CloseAndReceive returned %v, %v", summary, err)
	}

	dispute, err := OpenPaymentsDispute(t.Context(), wire)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"late", "lost"} {
		if err := dispute.Send(&Message{Text: text}); err != nil {
			t.Fatal(err)
		}
		if message, err := dispute.Receive(); err != nil || message.Text != "re: "+text {
			t.Errorf("Dispute: Receive returned %v, %v", message, err)
		}
	}
	if err := dispute.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if message, err := dispute.Receive(); message != nil || err != io.EOF {
		t.Errorf("Dispute: at the end Receive returned %v, %v", message, err)
	}
}

// TestUnimplemented: one error, once, from every kind.
func TestUnimplemented(t *testing.T) {
	each(t, func(t *testing.T, payments Payments) {
		const what = "UNIMPLEMENTED: golden.streams.v1.Payments/"
		summary, err := payments.OldSettle(t.Context(), func(func(*Record, error) bool) {})
		if summary != nil || err == nil || err.Error() != what+"OldSettle is not implemented" {
			t.Errorf("OldSettle returned %v, %v", summary, err)
		}
		var got []string
		for payment, err := range payments.OldWatch(t.Context(), &WatchRequest{}) {
			if payment != nil || !errors.Is(err, farcall.Unimplemented) {
				t.Fatalf("OldWatch yielded %v, %v", payment, err)
			}
			got = append(got, err.Error())
		}
		for message, err := range payments.OldDispute(t.Context(), messages()) {
			if message != nil || !errors.Is(err, farcall.Unimplemented) {
				t.Fatalf("OldDispute yielded %v, %v", message, err)
			}
			got = append(got, err.Error())
		}
		if len(got) != 2 || got[0] != what+"OldWatch is not implemented" || got[1] != what+"OldDispute is not implemented" {
			t.Errorf("the errors are %q", got)
		}
	})
}

func TestKinds(t *testing.T) {
	for method, want := range map[*farcall.Method]farcall.Kind{
		PaymentsChargeMethod:  farcall.KindUnary,
		PaymentsWatchMethod:   farcall.KindServerStream,
		PaymentsSettleMethod:  farcall.KindClientStream,
		PaymentsDisputeMethod: farcall.KindBidi,
	} {
		descriptor := method.Descriptor()
		if method.Kind != want || descriptor.IsStreamingClient() != want.SendsStream() || descriptor.IsStreamingServer() != want.ReturnsStream() {
			t.Errorf("%s has the kind %v, want %v", method, method.Kind, want)
		}
	}
}

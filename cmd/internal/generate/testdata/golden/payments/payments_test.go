// SPDX-License-Identifier: Apache-2.0

package payments

import (
	"context"
	"errors"
	"testing"

	"github.com/farcall/farcall"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
)

// network is server and connection in one, with bytes between the two.
type network map[*farcall.Method]farcall.Handler

func (n network) Register(method *farcall.Method, handler farcall.Handler) { n[method] = handler }

func (n network) Invoke(ctx context.Context, method *farcall.Method, request, response any) error {
	sent, err := proto.Marshal(request.(proto.Message))
	if err != nil {
		return err
	}
	stream := &stream{method: method, request: sent}
	if err := n[method](ctx, stream); err != nil {
		return err
	}
	return proto.Unmarshal(stream.response, response.(proto.Message))
}

func (n network) Stream(context.Context, *farcall.Method, farcall.Handler) error {
	return errors.ErrUnsupported // the service has unary methods only
}

type stream struct {
	farcall.Stream
	method            *farcall.Method
	request, response []byte
}

func (s *stream) Method() *farcall.Method { return s.method }
func (s *stream) Receive(message any) error {
	return proto.Unmarshal(s.request, message.(proto.Message))
}
func (s *stream) Send(message any) (err error) {
	s.response, err = proto.Marshal(message.(proto.Message))
	return err
}

type half struct{ UnimplementedPayments }

func (half) Charge(_ context.Context, req *ChargeRequest) (*ChargeResponse, error) {
	return &ChargeResponse{PaymentId: "paid for " + req.OrderId}, nil
}

func TestStubReachesImplementation(t *testing.T) {
	wire := network{}
	RegisterPayments(wire, half{})
	if len(wire) != 5 {
		t.Fatalf("%d methods were registered, want 5", len(wire))
	}
	for name, payments := range map[string]Payments{"near": half{}, "far": NewPaymentsStub(wire)} {
		got, err := payments.Charge(t.Context(), &ChargeRequest{OrderId: "ord_1"})
		if err != nil || got.PaymentId != "paid for ord_1" {
			t.Errorf("%s: Charge returned %v, %v", name, got, err)
		}
		answer, err := payments.GetPayment(t.Context(), &GetPaymentRequest{})
		if answer != nil || !errors.Is(err, farcall.Unimplemented) ||
			err.Error() != "UNIMPLEMENTED: golden.payments.v1.Payments/GetPayment is not implemented" {
			t.Errorf("%s: GetPayment returned %v, %v", name, answer, err)
		}
	}
}

func TestMethodTable(t *testing.T) {
	for method, want := range map[*farcall.Method]farcall.Method{
		PaymentsChargeMethod:     {Path: "/golden.payments.v1.Payments/Charge", Idempotency: farcall.Idempotent},
		PaymentsNoCommentMethod:  {Path: "/golden.payments.v1.Payments/NoComment"},
		PaymentsGetPaymentMethod: {Path: "/golden.payments.v1.Payments/GetPayment", Idempotency: farcall.NoSideEffects},
		OldPaymentsChargeMethod:  {Path: "/golden.payments.v1.OldPayments/Charge"},
	} {
		if method.Path != want.Path || method.Kind != farcall.KindUnary || method.Idempotency != want.Idempotency {
			t.Errorf("%s: kind %v, idempotency %v", method.Path, method.Kind, method.Idempotency)
		}
		descriptor := method.Descriptor()
		if "/"+string(descriptor.Parent().FullName())+"/"+string(descriptor.Name()) != want.Path {
			t.Errorf("%s has the descriptor of %s", want.Path, descriptor.FullName())
		}
		if got := method.NewRequest().ProtoReflect().Descriptor(); got != descriptor.Input() {
			t.Errorf("%s: NewRequest makes a %s", want.Path, got.FullName())
		}
		if got := method.NewResponse().ProtoReflect().Descriptor(); got != descriptor.Output() {
			t.Errorf("%s: NewResponse makes a %s", want.Path, got.FullName())
		}
	}
	rule, _ := proto.GetExtension(PaymentsGetPaymentMethod.Descriptor().Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule.GetGet() != "/v1/payments/{payment_id}" {
		t.Errorf("GetPayment's rule is %v", rule)
	}
}

// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/paymentspb"
)

var (
	request = &paymentspb.ChargeRequest{
		IdempotencyKey: "9f1c2f0e-6a55-4a9c-8a39-0a1b2c3d4e5f", OrderId: "ord_0123456789abcdef", CardToken: "tok_visa_4242",
		Amount: &paymentspb.Money{CurrencyCode: "EUR", Units: 19, Nanos: 900_000_000},
		Items:  []*paymentspb.LineItem{{Sku: "TEA-500", Quantity: 1, UnitPrice: &paymentspb.Money{CurrencyCode: "EUR", Units: 19, Nanos: 900_000_000}}},
	}
	response = &paymentspb.ChargeResponse{
		PaymentId: "pay_abcdef", Amount: request.Amount, Status: paymentspb.PaymentStatus_PAYMENT_STATUS_CHARGED, CreateTimeMs: 1_795_300_000_000,
	}
)

// codes that the tests name.
const (
	codeCanceled          = 1
	codeDeadlineExceeded  = 4
	codeResourceExhausted = 8
	codeUnimplemented     = 12
	codeUnavailable       = 14
)

func wantResponse(t *testing.T, got answer, want *paymentspb.ChargeResponse) {
	t.Helper()
	if got.failure != nil {
		t.Fatalf("the call failed: %v", got.failure)
	}
	if !proto.Equal(got.response, want) {
		t.Errorf("the response is %.300q, want %.300q", got.response.String(), want.String())
	}
}

func wantCode(t *testing.T, got *failure, code uint32) {
	t.Helper()
	if got == nil || got.code != code {
		t.Errorf("the call ended with %v, want code %d", got, code)
	}
}

// wantMetadata checks that every key of want has exactly these values; a peer may add keys of its own.
func wantMetadata(t *testing.T, what string, got, want metadata) {
	t.Helper()
	for key, values := range want {
		if !slices.Equal(got[key], values) {
			t.Errorf("%s: %s is %.200q, want %.200q", what, key, got[key], values)
		}
	}
}

func TestMessages(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		received := make(chan *paymentspb.ChargeRequest, 1)
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			received <- in.request
			return response, nil
		})
		wantResponse(t, calling.charge(within(t), request), response)
		if got := mustGet(t, received, "the request"); !proto.Equal(got, request) {
			t.Errorf("the request is %v, want %v", got, request)
		}
	})
}

func TestEmptyMessages(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		received := make(chan *paymentspb.ChargeRequest, 1)
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			received <- in.request
			return &paymentspb.ChargeResponse{}, nil
		})
		wantResponse(t, calling.charge(within(t), &paymentspb.ChargeRequest{}), &paymentspb.ChargeResponse{})
		if got := mustGet(t, received, "the request"); proto.Size(got) != 0 {
			t.Errorf("the request is %v, want an empty one", got)
		}
	})
}

// allBytes is a value that only a key ending in -bin may have.
var allBytes = func() string {
	var every [256]byte
	for i := range every {
		every[i] = byte(i)
	}
	return string(every[:])
}()

func TestMetadata(t *testing.T) {
	given := []string{
		"x-plain", "one", "x-twice", "first", "x-twice", "second, with a comma", "x-empty", "", "x-punctuation", `!"#$%&'()*+,-./:;<=>?@[\]^_{|}~`,
		"x-all-bin", allBytes, "x-empty-bin", "", "x-short-bin", "\x00", "x-twice-bin", "\xff\xfe", "x-twice-bin", "abc", "x-long", strings.Repeat("long ", 1000) + ".",
	}
	want := metadata{}
	for i := 0; i < len(given); i += 2 {
		want[given[i]] = append(want[given[i]], given[i+1])
	}
	for _, failed := range []*failure{nil, {code: 9, message: "declined"}} {
		t.Run(failed.String(), func(t *testing.T) {
			each(t, func(t *testing.T, start func(service) (client, server)) {
				received := make(chan metadata, 1)
				calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
					received <- in.metadata
					for i := 0; i < len(given); i += 2 {
						in.addHeader(given[i], given[i+1])
						in.addTrailer("t"+given[i], given[i+1])
					}
					return response, failed
				})
				got := calling.charge(within(t), request, given...)
				if failed == nil {
					wantResponse(t, got, response)
				} else {
					wantCode(t, got.failure, failed.code)
				}
				wantMetadata(t, "what the handler received", mustGet(t, received, "the metadata"), want)
				wantMetadata(t, "the header of the answer", got.header, want)
				trailer := metadata{}
				for key, values := range want {
					trailer["t"+key] = values
				}
				wantMetadata(t, "the trailer of the answer", got.trailer, trailer)
			})
		})
	}
}

func TestFailures(t *testing.T) {
	details := []proto.Message{
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "card_token", Description: "expired"}}},
		&errdetails.ErrorInfo{Reason: "DECLINED", Domain: "shop", Metadata: map[string]string{"try": "another card"}},
	}
	var failures []*failure
	for code := uint32(1); code <= 16; code++ {
		failures = append(failures, &failure{code: code, message: fmt.Sprintf("this is code %d", code)})
	}
	failures = append(failures,
		&failure{code: 3},
		&failure{code: 3, details: details},
		&failure{code: 9, message: "declined", details: details[:1]},
		&failure{code: 5, message: "100 % of ünïcödé, 日本語, \"quoted\",\nin two lines\t%41\x7f"},
		&failure{code: 2, message: strings.Repeat("long ", 1000) + "."},
	)
	each(t, func(t *testing.T, start func(service) (client, server)) {
		next := make(chan *failure, 1)
		calling, _ := start(func(*incoming) (*paymentspb.ChargeResponse, *failure) { return nil, <-next })
		for _, want := range failures {
			next <- want
			got := calling.charge(within(t), request).failure
			wantCode(t, got, want.code)
			if got == nil {
				continue
			}
			if got.message != want.message {
				t.Errorf("code %d: the message is %.200q, want %.200q", want.code, got.message, want.message)
			}
			if !slices.EqualFunc(got.details, want.details, proto.Equal) {
				t.Errorf("code %d: the details are %v, want %v", want.code, got.details, want.details)
			}
		}
	})
}

func TestUnknownMethods(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		calling, _ := start(func(*incoming) (*paymentspb.ChargeResponse, *failure) { return response, nil })
		wantCode(t, calling.call(within(t), "/shop.v1.Payments/Gift"), codeUnimplemented)
		wantCode(t, calling.call(within(t), "/shop.v1.Charity/Gift"), codeUnimplemented)
		// The method exists, but is not implemented by this service.
		wantCode(t, calling.call(within(t), "/shop.v1.Payments/Refund"), codeUnimplemented)
		wantResponse(t, calling.charge(within(t), request), response) // and the connection lives
	})
}

func TestLargeMessages(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			return &paymentspb.ChargeResponse{PaymentId: in.request.CardToken}, nil
		})
		for _, size := range []int{1, 16 << 10, 64<<10 - 1, 64 << 10, 1 << 20, 4<<20 - 16} {
			text := strings.Repeat("0123456789abcdef!", size/17+1)[:size]
			wantResponse(t, calling.charge(within(t), &paymentspb.ChargeRequest{CardToken: text}), &paymentspb.ChargeResponse{PaymentId: text})
		}
		// Twenty more: both windows of the connection must have been given back each time.
		text := strings.Repeat("0123456789abcdef", 64<<10)
		for range 20 {
			wantResponse(t, calling.charge(within(t), &paymentspb.ChargeRequest{CardToken: text}), &paymentspb.ChargeResponse{PaymentId: text})
		}
	})
}

func TestMessagesAboveTheLimit(t *testing.T) {
	tooLong := strings.Repeat("x", 4<<20)
	each(t, func(t *testing.T, start func(service) (client, server)) {
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			return &paymentspb.ChargeResponse{PaymentId: tooLong}, nil
		})
		wantCode(t, calling.charge(within(t), &paymentspb.ChargeRequest{CardToken: tooLong}).failure, codeResourceExhausted)
		wantCode(t, calling.charge(within(t), request).failure, codeResourceExhausted)
	})
}

func TestConcurrentCalls(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		const calls = 200
		var arrived sync.WaitGroup // the handlers answer when all are there, so that all are in flight at once
		arrived.Add(calls)
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			arrived.Done()
			arrived.Wait()
			in.addTrailer("order", in.metadata["order"][0])
			return &paymentspb.ChargeResponse{PaymentId: in.request.OrderId}, nil
		})
		ctx := within(t)
		var callers sync.WaitGroup
		for i := range calls {
			callers.Go(func() {
				id := fmt.Sprintf("ord_%d", i)
				got := calling.charge(ctx, &paymentspb.ChargeRequest{OrderId: id}, "order", id)
				if got.failure != nil || got.response.GetPaymentId() != id {
					t.Errorf("call %d: %v, %v", i, got.response, got.failure)
				}
				wantMetadata(t, id, got.trailer, metadata{"order": {id}})
			})
		}
		callers.Wait()
	})
}

// Many short calls on one connection: header tables fill, stream identifiers rise, windows are given back.
func TestManyCalls(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		calling, _ := start(func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
			in.addHeader("x-header", in.request.OrderId)
			in.addTrailer("x-trailer", in.request.OrderId)
			return &paymentspb.ChargeResponse{PaymentId: in.request.OrderId}, nil
		})
		ctx := within(t)
		for i := range 1000 {
			id := fmt.Sprintf("ord_%d_%s", i, strings.Repeat("x", i%200))
			got := calling.charge(ctx, &paymentspb.ChargeRequest{OrderId: id}, "x-order", id)
			if got.failure != nil || got.response.GetPaymentId() != id {
				t.Fatalf("call %d: %v, %v", i, got.response, got.failure)
			}
			wantMetadata(t, id, got.header, metadata{"x-header": {id}})
			wantMetadata(t, id, got.trailer, metadata{"x-trailer": {id}})
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package order

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/examples/shop/shoppb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
)

// A test needs no network and no server to stand in for the payment service: five lines do.
type fakePayments struct {
	shoppb.UnimplementedPayments
	charge func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error)
}

func (f *fakePayments) Charge(ctx context.Context, req *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
	return f.charge(ctx, req)
}

func paying(id string) *fakePayments {
	return &fakePayments{charge: func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
		return &shoppb.ChargeResponse{PaymentId: id}, nil
	}}
}

func failing(err error) *fakePayments {
	return &fakePayments{charge: func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) { return nil, err }}
}

func item(sku string, quantity int32, units int64, nanos int32) *shoppb.LineItem {
	return &shoppb.LineItem{Sku: sku, Quantity: quantity, UnitPrice: &shoppb.Money{CurrencyCode: "EUR", Units: units, Nanos: nanos}}
}

func tea(key string) *shoppb.CreateOrderRequest {
	return &shoppb.CreateOrderRequest{IdempotencyKey: key, Customer: "ada", CardToken: "tok_visa_4242",
		Items: []*shoppb.LineItem{item("TEA-500", 3, 4, 990_000_000), item("CUP-BLUE", 2, 11, 500_000_000)}}
}

func TestAnOrderIsPaid(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	var charged *shoppb.ChargeRequest
	payments := &fakePayments{charge: func(ctx context.Context, req *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the payment has no deadline")
		}
		charged = req
		return &shoppb.ChargeResponse{PaymentId: "pay_1"}, nil
	}}
	s := New(NewMemory(), payments, Options{Now: func() time.Time { return noon }, NewID: func() string { return "ord_1" }})
	order, err := s.CreateOrder(context.Background(), tea("k"))
	if err != nil {
		t.Fatal(err)
	}
	total := &shoppb.Money{CurrencyCode: "EUR", Units: 37, Nanos: 970_000_000}
	if order.GetOrderId() != "ord_1" || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_PAID || order.GetPaymentId() != "pay_1" ||
		!proto.Equal(order.GetTotal(), total) || !order.GetCreateTime().AsTime().Equal(noon) || len(order.GetItems()) != 2 {
		t.Errorf("the order is %v", order)
	}
	want := &shoppb.ChargeRequest{IdempotencyKey: "order/ord_1", OrderId: "ord_1", CardToken: "tok_visa_4242", Amount: total, Items: tea("").Items}
	if !proto.Equal(charged, want) {
		t.Errorf("the charge was %v, want %v", charged, want)
	}
	found, err := s.GetOrder(context.Background(), &shoppb.GetOrderRequest{OrderId: "ord_1"})
	if err != nil || !proto.Equal(found, order) {
		t.Errorf("GetOrder: %v, %v; want %v", found, err, order)
	}
}

func TestARepeatedOrderIsTheFirst(t *testing.T) {
	var charges atomic.Int32
	release := make(chan struct{})
	s := New(NewMemory(), &fakePayments{charge: func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
		charges.Add(1)
		<-release
		return &shoppb.ChargeResponse{PaymentId: "pay_1"}, nil
	}}, Options{})
	const callers = 50
	ids := make([]string, callers)
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() {
			order, err := s.CreateOrder(context.Background(), tea("k"))
			if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_PAID {
				t.Errorf("CreateOrder: %v, %v", order, err)
			}
			ids[i] = order.GetOrderId()
		})
	}
	close(release)
	calls.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("one key made the orders %s and %s", ids[0], id)
		}
	}
	if got := charges.Load(); got != 1 {
		t.Errorf("the card was charged %d times", got)
	}
	other := tea("k")
	other.Items[0].Quantity++
	if order, err := s.CreateOrder(context.Background(), other); farcall.CodeOf(err) != farcall.AlreadyExists || !strings.Contains(err.Error(), ids[0]) {
		t.Errorf("another order with the key: %v, %v; want ALREADY_EXISTS naming %s", order, err, ids[0])
	}
	if len(s.turns.busy) != 0 {
		t.Errorf("%d turns are left over", len(s.turns.busy))
	}
}

func TestADeclinedCard(t *testing.T) {
	payments := failing(farcall.Errorf(farcall.FailedPrecondition, "no"))
	s := New(NewMemory(), payments, Options{NewID: func() string { return "ord_1" }})
	for range 2 {
		order, err := s.CreateOrder(context.Background(), tea("k"))
		const want = "FAILED_PRECONDITION: order ord_1 was not paid: the bank declined the card; order again with another card"
		if err == nil || err.Error() != want {
			t.Fatalf("a declined card: %v, %v; want %s", order, err, want)
		}
		if info, ok := farcall.Detail[*errdetails.ErrorInfo](err); !ok || info.Reason != "CARD_DECLINED" || info.Metadata["order_id"] != "ord_1" {
			t.Errorf("the detail is %v", info)
		}
		payments.charge = func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
			t.Error("the card is charged although the order was declined")
			return nil, farcall.Internal
		}
	}
	expectStatus(t, s, "ord_1", shoppb.OrderStatus_ORDER_STATUS_DECLINED)
}

func expectStatus(t *testing.T, s *Service, orderID string, want shoppb.OrderStatus) {
	t.Helper()
	order, err := s.GetOrder(context.Background(), &shoppb.GetOrderRequest{OrderId: orderID})
	if err != nil || order.GetStatus() != want {
		t.Errorf("order %s is %v, %v; want %v", orderID, order.GetStatus(), err, want)
	}
}

func TestThePaymentServiceIsDown(t *testing.T) {
	hang := &fakePayments{charge: func(ctx context.Context, _ *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	for name, test := range map[string]struct {
		payments *fakePayments
		timeout  time.Duration
		want     farcall.Code
		says     string
	}{
		"unreachable": {failing(farcall.Unavailable), 0, farcall.Unavailable, "the payment service cannot be reached; order ord_1 is kept, but not paid: send the same order with the same idempotency_key again"},
		"hanging":     {hang, time.Millisecond, farcall.Unavailable, "the payment service cannot be reached; order ord_1 is kept, but not paid"},
		"broken":      {failing(errors.New("oops")), 0, farcall.Internal, "the payment service failed; order ord_1 is kept"},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(NewMemory(), test.payments, Options{PaymentTimeout: test.timeout, NewID: func() string { return "ord_1" }})
			order, err := s.CreateOrder(context.Background(), tea("k"))
			if farcall.CodeOf(err) != test.want || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("CreateOrder: %v, %v; want %v: …%s…", order, err, test.want, test.says)
			}
			if _, ok := farcall.Detail[*errdetails.RetryInfo](err); ok != (test.want == farcall.Unavailable) {
				t.Errorf("%v has a RetryInfo: %v", err, ok)
			}
			expectStatus(t, s, "ord_1", shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT)
			s.payments = paying("pay_1")
			if order, err = s.CreateOrder(context.Background(), tea("k")); err != nil || order.GetOrderId() != "ord_1" {
				t.Fatalf("the second try: %v, %v", order, err)
			}
			expectStatus(t, s, "ord_1", shoppb.OrderStatus_ORDER_STATUS_PAID)
		})
	}
}

func TestTheCustomerGoesAway(t *testing.T) {
	ctx, leave := context.WithCancel(context.Background())
	s := New(NewMemory(), &fakePayments{charge: func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
		leave()
		return &shoppb.ChargeResponse{PaymentId: "pay_1"}, nil
	}}, Options{NewID: func() string { return "ord_1" }})
	if _, err := s.CreateOrder(ctx, tea("k")); err != nil {
		t.Errorf("the order was paid, and the error is %v", err)
	}
	expectStatus(t, s, "ord_1", shoppb.OrderStatus_ORDER_STATUS_PAID)

	s = New(NewMemory(), failing(farcall.Canceled), Options{NewID: func() string { return "ord_2" }})
	if _, err := s.CreateOrder(ctx, tea("k")); !errors.Is(err, context.Canceled) && farcall.CodeOf(err) != farcall.Canceled {
		t.Errorf("an order of somebody who has gone: %v, want CANCELLED", err)
	}
}

func TestBadOrders(t *testing.T) {
	s := New(NewMemory(), &fakePayments{charge: func(context.Context, *shoppb.ChargeRequest) (*shoppb.ChargeResponse, error) {
		t.Error("a bad order is charged")
		return nil, farcall.Internal
	}}, Options{})
	change := func(f func(*shoppb.CreateOrderRequest)) error {
		request := tea("k")
		f(request)
		_, err := s.CreateOrder(context.Background(), request)
		return err
	}
	list := func(req *shoppb.ListOrdersRequest) error {
		_, err := s.ListOrders(context.Background(), req)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"nothing":           {change(func(r *shoppb.CreateOrderRequest) { proto.Reset(r) }), "card_token: is missing: name the card that pays, such as tok_visa_4242 (and 1 more)"},
		"no items":          {change(func(r *shoppb.CreateOrderRequest) { r.Items = nil }), "items: is missing: an order has at least one item"},
		"negative quantity": {change(func(r *shoppb.CreateOrderRequest) { r.Items[1].Quantity = -1 }), "items[1].quantity: must be at least 1, not -1"},
		"overflow":          {change(func(r *shoppb.CreateOrderRequest) { r.Items[0].UnitPrice.Units = math.MaxInt64 }), "items[0]: the amount is too large: 9223372036854775807.99 EUR × 3"},
		"missing card":      {change(func(r *shoppb.CreateOrderRequest) { r.CardToken = "" }), "card_token: is missing: name the card that pays, such as tok_visa_4242"},
		"bad currency":      {change(func(r *shoppb.CreateOrderRequest) { r.Items[0].UnitPrice.CurrencyCode = "eur" }), `items[0].unit_price: a currency is three capital letters, such as EUR, not "eur"`},
		"for nothing":       {change(func(r *shoppb.CreateOrderRequest) { r.Items = []*shoppb.LineItem{item("AIR", 1, 0, 0)} }), "items: cost nothing together, and a card cannot be charged with nothing"},
		"long name":         {change(func(r *shoppb.CreateOrderRequest) { r.Customer = strings.Repeat("a", 300) }), "customer: must have at most 256 bytes, not 300"},
		"negative page":     {list(&shoppb.ListOrdersRequest{PageSize: -1}), "page_size: must not be negative, as -1 is"},
		"bad page token":    {list(&shoppb.ListOrdersRequest{PageToken: "x"}), `page_token: must be the next_page_token of the page before, not "x"`},
	} {
		if want := "INVALID_ARGUMENT: " + test.want; test.err == nil || test.err.Error() != want {
			t.Errorf("%s: %v\nwant %s", name, test.err, want)
		}
		if detail, ok := farcall.Detail[*errdetails.BadRequest](test.err); !ok || len(detail.FieldViolations) == 0 {
			t.Errorf("%s: the error has no BadRequest detail", name)
		}
	}
	if page, err := s.ListOrders(context.Background(), &shoppb.ListOrdersRequest{}); err != nil || len(page.GetOrders()) != 0 {
		t.Errorf("bad orders were kept: %v, %v", page, err)
	}
}

// TestAReceiptOfNothing is what another service at the address of the payment service may send.
func TestAReceiptOfNothing(t *testing.T) {
	s := New(NewMemory(), paying(""), Options{NewID: func() string { return "ord_1" }})
	if _, err := s.CreateOrder(context.Background(), tea("basket")); farcall.CodeOf(err) != farcall.Internal {
		t.Errorf("CreateOrder: %v", err)
	}
	order, err := s.GetOrder(context.Background(), &shoppb.GetOrderRequest{OrderId: "ord_1"})
	if err != nil || order.GetStatus() != shoppb.OrderStatus_ORDER_STATUS_AWAITING_PAYMENT {
		t.Errorf("the order is %v, %v; want it unpaid", order, err)
	}
}

// TestListLargeOrders reads orders of 80 kB each with the largest page there is.
func TestListLargeOrders(t *testing.T) {
	s := New(NewMemory(), paying("pay"), Options{})
	const made = 15
	for range made {
		request := tea("")
		item := request.GetItems()[0]
		item.Sku = strings.Repeat("x", 64)
		for len(request.GetItems()) < 1000 {
			request.Items = append(request.Items, item)
		}
		if _, err := s.CreateOrder(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	listed := make(map[string]bool)
	for req := (&shoppb.ListOrdersRequest{PageSize: 500}); ; {
		page, err := s.ListOrders(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		last := page.GetNextPageToken() == ""
		if n := proto.Size(page); n > 1<<20+64 || n < 1<<19 && !last {
			t.Errorf("a page of %d orders and %d bytes", len(page.GetOrders()), n)
		}
		for _, order := range page.GetOrders() {
			listed[order.GetOrderId()] = true
		}
		if req.PageToken = page.GetNextPageToken(); last || len(page.GetOrders()) == 0 {
			break
		}
	}
	if len(listed) != made {
		t.Errorf("%d orders listed, want %d", len(listed), made)
	}
}

func TestListOrders(t *testing.T) {
	made := 0
	s := New(NewMemory(), paying("pay"), Options{NewID: func() string { made++; return fmt.Sprintf("ord_%d", made) }})
	for i := range 7 {
		request := tea("")
		request.Customer = []string{"ada", "bob"}[i%2]
		if _, err := s.CreateOrder(context.Background(), request); err != nil {
			t.Fatal(err)
		}
	}
	pages := func(req *shoppb.ListOrdersRequest) string {
		var ids []string
		for {
			page, err := s.ListOrders(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, order := range page.GetOrders() {
				ids = append(ids, strings.TrimPrefix(order.GetOrderId(), "ord_"))
			}
			if page.GetNextPageToken() == "" {
				return strings.Join(ids, " ")
			}
			ids = append(ids, "|")
			req.PageToken = page.GetNextPageToken()
		}
	}
	for _, test := range []struct {
		request *shoppb.ListOrdersRequest
		want    string
	}{
		{&shoppb.ListOrdersRequest{}, "7 6 5 4 3 2 1"},
		{&shoppb.ListOrdersRequest{PageSize: 3}, "7 6 5 | 4 3 2 | 1"},
		{&shoppb.ListOrdersRequest{PageSize: 7}, "7 6 5 4 3 2 1"},
		{&shoppb.ListOrdersRequest{PageSize: 2, Customer: "bob"}, "6 4 | 2"},
		{&shoppb.ListOrdersRequest{Status: shoppb.OrderStatus_ORDER_STATUS_DECLINED}, ""},
	} {
		request := fmt.Sprint(test.request)
		if got := pages(test.request); got != test.want {
			t.Errorf("ListOrders of %s: %s; want %s", request, got, test.want)
		}
	}
}

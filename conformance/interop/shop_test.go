// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"

	farcallclient "github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/paymentspb"
)

// The shop takes part as processes of its own: this program must not link its generated package, see paymentspb.

// shop starts a service of the shop and returns its address.
func shop(t *testing.T, arguments ...string) string {
	t.Helper()
	program, err := buildShop()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(program, append(arguments, "-listen", "127.0.0.1:0", "-with-parent")...)
	process.Stderr = t.Output()
	stdin, err := process.StdinPipe() // its end is the process's
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { // ends with the process
		lines := bufio.NewReader(stdout)
		first, _ := lines.ReadString('\n')
		address <- first
		_, _ = io.Copy(io.Discard, lines)
		ended <- process.Wait()
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = process.Process.Kill() })
		defer kill.Stop()
		if err := <-ended; err != nil {
			t.Errorf("shop %v: %v", arguments, err)
		}
	})
	first := mustGet(t, address, "the shop's address")
	at, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	if !ok {
		t.Fatalf("shop %v begins with %q instead of its address", arguments, first)
	}
	return at
}

// shopDirectory is where TestMain lets the shop be built.
var shopDirectory string

// buildShop builds the shop once, and returns the program.
var buildShop = sync.OnceValues(func() (string, error) {
	program := filepath.Join(shopDirectory, "shop")
	build := exec.Command("go", "build", "-o", program, "./shop")
	build.Dir = filepath.Join("..", "..", "examples")
	build.Env = append(build.Environ(), "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return "", &buildError{string(said), err}
	}
	return program, nil
})

type buildError struct {
	said  string
	cause error
}

func (e *buildError) Error() string { return "building the shop: " + e.cause.Error() + "\n" + e.said }

// payments is what both stubs can do, in grpc-go's words and in farcall's.
type payments struct {
	name       string
	charge     func(context.Context, *paymentspb.ChargeRequest) (*paymentspb.ChargeResponse, *failure)
	refund     func(context.Context, *paymentspb.RefundRequest) (*paymentspb.RefundResponse, *failure)
	getPayment func(context.Context, *paymentspb.GetPaymentRequest) (*paymentspb.Payment, *failure)
}

func grpcgoConn(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func bothStubs(t *testing.T, address string) []payments {
	t.Helper()
	theirs := paymentspb.NewPaymentsClient(grpcgoConn(t, address))
	conn, err := farcallclient.New(address, farcallclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	stub := paymentspb.NewPaymentsStub(conn)
	return []payments{
		{"grpc-go", plain(theirs.Charge), plain(theirs.Refund), plain(theirs.GetPayment)},
		{"farcall", checked(stub.Charge), checked(stub.Refund), checked(stub.GetPayment)},
	}
}

// plain makes a method of grpc-go's stub one without options and with a neutral failure.
func plain[Request, Response any](method func(context.Context, Request, ...grpc.CallOption) (Response, error)) func(context.Context, Request) (Response, *failure) {
	return func(ctx context.Context, request Request) (Response, *failure) {
		response, err := method(ctx, request)
		return response, grpcgoFailure(err)
	}
}

// checked gives a method of farcall's stub a neutral failure.
func checked[Request, Response any](method func(context.Context, Request) (Response, error)) func(context.Context, Request) (Response, *failure) {
	return func(ctx context.Context, request Request) (Response, *failure) {
		response, err := method(ctx, request)
		return response, ourFailure(err)
	}
}

func TestShopPayments(t *testing.T) {
	for _, p := range bothStubs(t, shop(t, "payment")) {
		t.Run(p.name, func(t *testing.T) {
			ctx := within(t)
			charge := proto.CloneOf(request)
			charge.IdempotencyKey = "key of " + p.name
			receipt, failed := p.charge(ctx, charge)
			if failed != nil {
				t.Fatal(failed)
			}
			if !proto.Equal(receipt.GetAmount(), charge.GetAmount()) || receipt.GetStatus() != paymentspb.PaymentStatus_PAYMENT_STATUS_CHARGED {
				t.Errorf("the receipt is %v for the charge %v", receipt, charge)
			}
			if again, failed := p.charge(ctx, charge); failed != nil || again.GetPaymentId() != receipt.GetPaymentId() {
				t.Errorf("the same charge again: %v, %v; want payment %s", again, failed, receipt.GetPaymentId())
			}
			known, failed := p.getPayment(ctx, &paymentspb.GetPaymentRequest{PaymentId: receipt.GetPaymentId()})
			if failed != nil || known.GetOrderId() != charge.GetOrderId() {
				t.Errorf("the payment is %v, %v; want order %s", known, failed, charge.GetOrderId())
			}
			refund, failed := p.refund(ctx, &paymentspb.RefundRequest{PaymentId: receipt.GetPaymentId(), Reason: "naïve"})
			if failed != nil || refund.GetPayment().GetStatus() != paymentspb.PaymentStatus_PAYMENT_STATUS_REFUNDED {
				t.Errorf("the refund is %v, %v", refund, failed)
			}
		})
	}
}

func TestShopPaymentsRefusals(t *testing.T) {
	for _, p := range bothStubs(t, shop(t, "payment")) {
		t.Run(p.name, func(t *testing.T) {
			ctx := within(t)
			declined := proto.CloneOf(request)
			declined.CardToken = "tok_declined"
			_, failed := p.charge(ctx, declined)
			wantCode(t, failed, 9)
			if info, ok := onlyDetail[*errdetails.ErrorInfo](failed); !ok || info.GetReason() != "CARD_DECLINED" {
				t.Errorf("a declined card ends with %v, want the reason CARD_DECLINED in its detail", failed)
			}
			_, failed = p.charge(ctx, &paymentspb.ChargeRequest{}) // a message of no bytes
			wantCode(t, failed, 3)
			if wrong, ok := onlyDetail[*errdetails.BadRequest](failed); !ok || len(wrong.GetFieldViolations()) == 0 {
				t.Errorf("an empty charge ends with %v, want its mistakes in a detail", failed)
			}
			_, failed = p.getPayment(ctx, &paymentspb.GetPaymentRequest{PaymentId: "pay_unknown"})
			wantCode(t, failed, 5)
		})
	}
}

func onlyDetail[T proto.Message](failed *failure) (T, bool) {
	var none T
	if failed == nil || len(failed.details) != 1 {
		return none, false
	}
	detail, ok := failed.details[0].(T)
	return detail, ok
}

// The standard services, asked by grpc-go's stubs. Each stream ends when the test does.
func TestShopStandardServices(t *testing.T) {
	conn := grpcgoConn(t, shop(t, "payment"))
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	healthy := grpc_health_v1.NewHealthClient(conn)
	state, err := healthy.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || state.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("the shop's health is %v, %v", state, err)
	}
	_, err = healthy.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "shop.v1.Unknown"})
	wantCode(t, grpcgoFailure(err), 5)
	watch, err := healthy.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if state, err = watch.Recv(); err != nil || state.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("the watch begins with %v, %v", state, err)
	}

	reflected, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := reflected.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	list, err := reflected.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var services []string
	for _, s := range list.GetListServicesResponse().GetService() {
		services = append(services, s.GetName())
	}
	for _, want := range []string{"shop.v1.Payments", "grpc.health.v1.Health"} {
		if !slices.Contains(services, want) {
			t.Errorf("the services are %q, without %s", services, want)
		}
	}
}

// The whole journey with a payment service of grpc-go's behind it.
func TestShopOrdersWithGRPCGo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		request     *paymentspb.ChargeRequest
		hasDeadline bool
	}
	received, next := make(chan seen, 1), make(chan *failure, 1)
	serving := grpcgo.serve(listener, func(in *incoming) (*paymentspb.ChargeResponse, *failure) {
		_, hasDeadline := in.ctx.Deadline()
		received <- seen{in.request, hasDeadline}
		if failed := <-next; failed != nil {
			return nil, failed
		}
		return &paymentspb.ChargeResponse{
			PaymentId: "pay_by_grpc_go", Amount: in.request.GetAmount(), Status: paymentspb.PaymentStatus_PAYMENT_STATUS_CHARGED,
		}, nil
	})
	t.Cleanup(serving.close)
	orders := "http://" + shop(t, "order", "-payments", listener.Addr().String()) + "/v1/orders"
	const order = `{"customer":"ada","cardToken":"tok_visa_4242","items":[{"sku":"TEA-500","quantity":3,"unitPrice":{"currencyCode":"EUR","units":"6","nanos":650000000}}]}`

	next <- nil
	status, paid := postJSON(t, orders, order)
	if status != http.StatusOK || paid["status"] != "ORDER_STATUS_PAID" || paid["paymentId"] != "pay_by_grpc_go" {
		t.Errorf("the order is answered by HTTP %d %v, want it paid", status, paid)
	}
	got := mustGet(t, received, "the charge")
	if want := (&paymentspb.Money{CurrencyCode: "EUR", Units: 19, Nanos: 950_000_000}); !proto.Equal(got.request.GetAmount(), want) {
		t.Errorf("the charge is for %v, want %v", got.request.GetAmount(), want)
	}
	if !got.hasDeadline {
		t.Error("the charge has no deadline")
	}

	next <- &failure{code: 9, message: "declined", details: []proto.Message{&errdetails.ErrorInfo{Reason: "CARD_DECLINED", Domain: "payments.shop"}}}
	if status, declined := postJSON(t, orders, order); status != http.StatusBadRequest || declined["code"] != 9.0 {
		t.Errorf("a declined card is answered by HTTP %d %v, want 400 with code 9", status, declined)
	}
	mustGet(t, received, "the charge")

	serving.close()
	if status, unpaid := postJSON(t, orders, order); status != http.StatusServiceUnavailable || unpaid["code"] != float64(codeUnavailable) {
		t.Errorf("without a payment service the answer is HTTP %d %v, want 503 with code 14", status, unpaid)
	}
}

func postJSON(t *testing.T, url, body string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(got.Body).Decode(&answer); err != nil {
		t.Fatalf("HTTP %d with a body that is no JSON object: %v", got.StatusCode, err)
	}
	return got.StatusCode, answer
}

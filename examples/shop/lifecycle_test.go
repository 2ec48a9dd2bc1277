// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestThePaymentServiceIsDown orders while nobody takes payments, and once more when somebody does.
func TestThePaymentServiceIsDown(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	payments := reserved.Addr().String()
	reserved.Close() // nobody listens there now

	s := startShop(t, "order", "-listen", "127.0.0.1:0", "-payments", payments)
	url := "http://" + s.await(`(?m)^listening on (\S+)$`)[1] + "/v1/orders"
	client := restClients(t)["HTTP/1.1"]
	keyed := strings.Replace(exampleOrder, "{", `{"idempotency_key":"k",`, 1)
	status, _, answer := ask(t, client, "POST", url, jsonType, keyed)
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, `"code":14,"message":"the payment service cannot be reached; order ord_`) ||
		!strings.Contains(answer, "is kept, but not paid: send the same order with the same idempotency_key again") {
		t.Errorf("without a payment service an order is answered with %d %s", status, answer)
	}
	if _, _, list := ask(t, client, "GET", url, "", ""); strings.Count(list, `"ORDER_STATUS_AWAITING_PAYMENT"`) != 1 {
		t.Errorf("the orders are %s, want one that awaits its payment", list)
	}

	startShop(t, "payment", "-listen", payments).await(`listening on`)
	for deadline := time.Now().Add(patience); ; {
		status, _, answer = ask(t, client, "POST", url, jsonType, keyed)
		if status != http.StatusServiceUnavailable {
			break
		}
		if time.Now().After(deadline) { // the client pauses between attempts to connect, but not for long
			t.Fatalf("the payment service is back, and an order is still answered with %s", answer)
		}
	}
	if status != http.StatusOK || !strings.Contains(answer, `"ORDER_STATUS_PAID"`) {
		t.Errorf("with the payment service back the order is answered with %d %s", status, answer)
	}
	if _, _, list := ask(t, client, "GET", url, "", ""); strings.Count(list, `"orderId"`) != 1 {
		t.Errorf("the orders are %s, want the one", list)
	}
}

// processes returns the two services' process ids.
func (s *shop) processes() (orders, payments int) {
	s.t.Helper()
	var ids [2]int
	for i, name := range []string{"order", "payment"} {
		id, err := strconv.Atoi(s.await(name + ` service: .*process (\d+)\)`)[1])
		if err != nil {
			s.t.Fatal(err)
		}
		ids[i] = id
	}
	return ids[0], ids[1]
}

func TestInterruptAndTerminateEndBoth(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		s, orders, payments := startBoth(t)
		if err := s.command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if code := s.wait(); code != 0 {
			t.Errorf("after %v shop ends with status %d:\n%s", signal, code, s.printed())
		}
		awaitGone(t, orders)
		awaitGone(t, payments)
	}
}

func TestTheServicesDieWithTheirParent(t *testing.T) {
	s, orders, payments := startBoth(t)
	if err := s.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.wait()
	awaitGone(t, orders)
	awaitGone(t, payments)
}

func TestAServiceThatDiesEndsTheShop(t *testing.T) {
	s, orders, _ := startBoth(t)
	_, payments := s.processes()
	victim, err := os.FindProcess(payments)
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(); code != 1 {
		t.Errorf("shop ends with status %d", code)
	}
	s.await("shop: the payment service has ended by itself: signal: killed")
	awaitGone(t, orders)
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		arguments string
		code      int
		says      string
	}{
		{"-h", 0, "run both, as processes of their own"},
		{"order -h", 0, "-payments target"},
		{"sell", 1, `there is no command "sell"`},
		{"order -prot 1", 2, "flag provided but not defined: -prot"},
		{"journey now", 2, `takes 0 arguments besides its flags, not 1: ["now"]`},
		{"order -payments http://payments:9090", 1, "a target is a host and a port, not a URL"},
		{"order -tls-cert shop.crt", 1, "-tls-cert and -tls-key go together"},
		{"order -tls-cert shop.crt -tls-key shop.key", 1, "-tls-cert and -tls-key: "},
		{"compare -rounds 0", 1, "must be more than 0"},
	} {
		command := exec.Command(shopBinary, strings.Fields(test.arguments)...)
		output, err := command.CombinedOutput()
		if code := command.ProcessState.ExitCode(); code != test.code || !strings.Contains(string(output), test.says) {
			t.Errorf("shop %s ends with status %d (%v) and prints\n%s\nwant %d and …%s…", test.arguments, code, err, output, test.code, test.says)
		}
	}
}

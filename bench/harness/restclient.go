// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/farcall/farcall/bench/chargepb"
)

// RESTClient calls every edge: POST /v1/charges over HTTP/1.1 with as little as possible around it, so that what it
// consumes does not hide what the edge does; over HTTP/2 with net/http. It has no server.
var RESTClient = System{
	Name:     "rest-client",
	Settings: "HTTP/1.1 written by hand, a connection for each call in flight; HTTP/2 by net/http without TLS, one connection",
	Modules:  []string{"std"},
	Connect: func(_ context.Context, address string, setup Setup) (Client, error) {
		if setup.HTTP2 {
			return newRESTHTTP2(address), nil
		}
		return &restClient{address: address}, nil
	},
}

// restClient keeps the connections that no call is using.
type restClient struct {
	address string

	mu   sync.Mutex // guards idle
	idle []*restConn
}

// restConn is one connection, used by one call at a time.
type restConn struct {
	net.Conn
	reader *bufio.Reader
	out    []byte
}

func (c *restClient) take(ctx context.Context) (*restConn, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		defer c.mu.Unlock()
		last := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return last, nil
	}
	c.mu.Unlock()
	opened, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	return &restConn{Conn: opened, reader: bufio.NewReader(opened)}, nil
}

func (c *restClient) giveBack(used *restConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, used)
}

// Charge takes field names as they are in the .proto file and integers as numbers for JSON: every edge understands both.
// Of the answer it wants to know only whether it is one: the edges differ in how they write an enum.
func (c *restClient) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	on, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	response, err := on.charge(request)
	if err != nil {
		on.Close()
		return nil, err
	}
	c.giveBack(on)
	return response, nil
}

func (c *restConn) charge(request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	encoded, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	c.out = fmt.Appendf(c.out[:0], "POST /v1/charges HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(encoded))
	if _, err := c.Write(append(c.out, encoded...)); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	return restResponse(answer, body)
}

// restResponse makes do with little: see Charge.
func restResponse(answer *http.Response, body []byte) (*chargepb.ChargeResponse, error) {
	if answer.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"pay_7d1f0c9ab3e24e55"`)) {
		return nil, fmt.Errorf("HTTP status %s: %s", answer.Status, body)
	}
	return &chargepb.ChargeResponse{Status: chargepb.Status_STATUS_PAID}, nil
}

func (c *restClient) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, idle := range c.idle {
		idle.Close()
	}
	c.idle = nil
}

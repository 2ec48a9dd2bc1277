// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/farcall/farcall/bench/chargepb"
)

// restHTTP2 is the REST client over HTTP/2. The first call opens the connection, which carries all later ones.
type restHTTP2 struct {
	transport *http.Transport
	url       string
}

func newRESTHTTP2(address string) *restHTTP2 {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &restHTTP2{&http.Transport{Protocols: protocols, DisableCompression: true}, "http://" + address + "/v1/charges"}
}

func (c *restHTTP2) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	encoded, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	posted, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	posted.Header.Set("Content-Type", "application/json")
	answer, err := c.transport.RoundTrip(posted)
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

// BothHTTP are the protocols of an edge on net/http: HTTP/1.1 and, without TLS, HTTP/2.
func BothHTTP() *http.Protocols {
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	return both
}

func (c *restHTTP2) Close() { c.transport.CloseIdleConnections() }

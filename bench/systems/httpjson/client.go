// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/farcall/farcall/bench/chargepb"
	"github.com/farcall/farcall/bench/harness"
)

// client has a pool of connections: HTTP/1.1 carries one request at a time.
type client struct {
	http *http.Client
	base string
}

func newClient(address string, setup harness.Setup) (*client, error) {
	config, err := setup.ClientTLS()
	if err != nil {
		return nil, err
	}
	base := "http://" + address
	if config != nil {
		base = "https://" + address
	}
	var sender http.RoundTripper = &http.Transport{
		MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true, TLSClientConfig: config,
	}
	if setup.Interceptors {
		sender = noting{noting{sender, &harness.ClientAttemptBook}, &harness.ClientBook}
	}
	return &client{&http.Client{Transport: sender}, base}, nil
}

func (c *client) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	return c.ChargeAnnotated(ctx, nil, request)
}

func (c *client) ChargeAnnotated(ctx context.Context, annotations []harness.Annotation, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	encoded, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	body, err := c.post(ctx, chargePath, "application/json", annotations, encoded)
	if err != nil {
		return nil, err
	}
	response := new(chargepb.ChargeResponse)
	return response, json.Unmarshal(body, response)
}

func (c *client) Echo(ctx context.Context, payload *chargepb.Payload) (*chargepb.Payload, error) {
	body, err := c.post(ctx, echoPath, "application/octet-stream", nil, payload.GetData())
	return &chargepb.Payload{Data: body}, err
}

func (c *client) post(ctx context.Context, path, contentType string, annotations []harness.Annotation, content []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	for _, a := range annotations {
		request.Header.Set(a.Name, a.Value)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := readBody(answer.Body, answer.ContentLength)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %s: %s", answer.Status, body)
	}
	// A connection is used again only if the end of the body has been read as well.
	_, err = io.Copy(io.Discard, answer.Body)
	return body, err
}

func (c *client) Close() { c.http.CloseIdleConnections() }

// noting is the middleware of a client.
type noting struct {
	next http.RoundTripper
	book *harness.Watchbook
}

func (n noting) RoundTrip(request *http.Request) (*http.Response, error) {
	begin := time.Now()
	answer, err := n.next.RoundTrip(request)
	n.book.Note(time.Since(begin), "", err)
	return answer, err
}

// CloseIdleConnections reaches the transport through the middleware.
func (n noting) CloseIdleConnections() {
	if closer, ok := n.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

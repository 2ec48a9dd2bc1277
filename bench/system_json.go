// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/farcall/farcall/bench/chargepb"
)

// jsonSystem is how services talk that do not use RPC: encoding/json over HTTP/1.1. Its messages are the same structs.
var jsonSystem = system{
	name:     "http-json",
	settings: "encoding/json over HTTP/1.1; MaxIdleConnsPerHost 4096, so that every call in flight keeps its connection; DisableCompression; bodies with a length",
	serve: func(listener net.Listener) (func(), error) {
		routes := http.NewServeMux()
		routes.HandleFunc("POST /v1/charges", jsonCharge)
		server := &http.Server{Handler: routes}
		go server.Serve(listener) // ends in Close
		return func() { server.Close() }, nil
	},
	connect: func(_ context.Context, address string) (client, error) {
		transport := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096, DisableCompression: true}
		return jsonClient{&http.Client{Transport: transport}, "http://" + address + "/v1/charges"}, nil
	},
}

func jsonCharge(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	request := new(chargepb.ChargeRequest)
	if err := json.Unmarshal(body, request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	encoded, err := json.Marshal(charge(request))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(encoded)))
	_, _ = w.Write(encoded)
}

type jsonClient struct {
	http *http.Client
	url  string
}

func (c jsonClient) Charge(ctx context.Context, request *chargepb.ChargeRequest) (*chargepb.ChargeResponse, error) {
	encoded, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	sending, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	sending.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(sending)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %s: %s", answer.Status, body)
	}
	response := new(chargepb.ChargeResponse)
	return response, json.Unmarshal(body, response)
}

func (c jsonClient) Close() { c.http.CloseIdleConnections() }

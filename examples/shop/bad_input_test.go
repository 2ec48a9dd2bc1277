// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"strings"
	"testing"
)

// badRequests are what clients send by mistake, with the whole answer to each.
var badRequests = []struct {
	name                          string
	verb, path, contentType, body string
	status                        int
	answer                        string
	allow                         string
}{
	{
		name: "malformed JSON", verb: "POST", path: "/v1/orders", contentType: jsonType, body: "{\"customer\":\"ada\",\n \"card_token\":}",
		status: http.StatusBadRequest,
		answer: `{"code":3,"message":"the body: line 2, column 15: malformed JSON: '}' where a value should be"}`,
	},
	{
		name: "unknown field", verb: "POST", path: "/v1/orders", contentType: jsonType, body: `{"customer":"ada","colour":"blue"}`,
		status: http.StatusBadRequest,
		answer: violation("colour", `the body: line 1, column 19: colour: unknown field: shop.v1.CreateOrderRequest has no \"colour\"; it has idempotencyKey, customer, cardToken, items`),
	},
	{
		name: "wrong type", verb: "POST", path: "/v1/orders", contentType: jsonType, body: `{"items":[{"sku":"TEA","quantity":"many"}]}`,
		status: http.StatusBadRequest,
		answer: violation("items[0].quantity", `the body: line 1, column 35: items[0].quantity: a whole number (int32) is wanted, not \"many\"`),
	},
	{
		name: "number too large", verb: "POST", path: "/v1/orders", contentType: jsonType, body: `{"items":[{"sku":"TEA","quantity":3000000000}]}`,
		status: http.StatusBadRequest,
		answer: violation("items[0].quantity", `the body: line 1, column 35: items[0].quantity: 3000000000 does not fit int32 (-2147483648 to 2147483647)`),
	},
	{
		name: "negative quantity", verb: "POST", path: "/v1/orders", contentType: jsonType, body: orderOf(`"quantity":-2,"unit_price":{"currency_code":"EUR","units":1}`),
		status: http.StatusBadRequest,
		answer: ownViolation("items[0].quantity", `must be at least 1, not -2`),
	},
	{
		name: "overflow", verb: "POST", path: "/v1/orders", contentType: jsonType,
		body:   orderOf(`"quantity":2,"unit_price":{"currency_code":"EUR","units":"9223372036854775807"}`),
		status: http.StatusBadRequest,
		answer: ownViolation("items[0]", `the amount is too large: 9223372036854775807.00 EUR × 2`),
	},
	{
		name: "missing card", verb: "POST", path: "/v1/orders", contentType: jsonType,
		body:   strings.Replace(exampleOrder, `"card_token":"tok_visa_4242",`, "", 1),
		status: http.StatusBadRequest,
		answer: ownViolation("card_token", `is missing: name the card that pays, such as tok_visa_4242`),
	},
	{
		name: "bad query", verb: "GET", path: "/v1/orders?page_size=x",
		status: http.StatusBadRequest,
		answer: violation("page_size", `the query parameter \"page_size\": a whole number (int32) is wanted, not \"x\"`),
	},
	{
		name: "unknown order", verb: "GET", path: "/v1/orders/ord_none",
		status: http.StatusNotFound,
		answer: `{"code":5,"message":"there is no order \"ord_none\""}`,
	},
	{
		name: "unknown route", verb: "GET", path: "/v1/oders",
		status: http.StatusNotFound,
		answer: `{"code":5,"message":"there is nothing at /v1/oders"}`,
	},
	{
		name: "wrong verb", verb: "DELETE", path: "/v1/orders",
		status: http.StatusMethodNotAllowed, allow: "GET, HEAD, POST",
		answer: `{"code":12,"message":"DELETE is not possible at this path: it takes GET, HEAD, POST"}`,
	},
	{
		name: "too large", verb: "POST", path: "/v1/orders", contentType: jsonType, body: strings.Repeat(" ", 5<<20),
		status: http.StatusRequestEntityTooLarge,
		answer: `{"code":8,"message":"the body is larger than the 4194304 bytes that are accepted here"}`,
	},
	{
		name: "unsupported content type", verb: "POST", path: "/v1/orders", contentType: "text/xml", body: "<order/>",
		status: http.StatusUnsupportedMediaType,
		answer: `{"code":3,"message":"the content-type \"text/xml\" cannot be read: send application/json, application/protobuf or multipart/form-data"}`,
	},
}

// orderOf is an order of one item.
func orderOf(item string) string {
	return `{"card_token":"tok_visa_4242","items":[{"sku":"TEA",` + item + `}]}`
}

// violation is the answer to a request that cannot be read, in the place of one field.
func violation(field, message string) string {
	return status400(message, field, message)
}

// ownViolation is the answer of the order service to a field that can be read, but is wrong.
func ownViolation(field, description string) string {
	return status400(field+": "+description, field, description)
}

func status400(message, field, description string) string {
	return `{"code":3,"message":"` + message + `","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest",` +
		`"fieldViolations":[{"field":"` + field + `","description":"` + description + `"}]}]}`
}

func TestBadInput(t *testing.T) {
	_, orders, _ := startBoth(t)
	for version, client := range restClients(t) {
		for _, test := range badRequests {
			t.Run(version+" "+test.name, func(t *testing.T) {
				status, header, answer := ask(t, client, test.verb, "http://"+orders+test.path, test.contentType, test.body)
				if status != test.status || header.Get("Content-Type") != jsonType || header.Get("Allow") != test.allow {
					t.Errorf("the answer is %d, content-type %q, allow %q; want %d, %q, %q",
						status, header.Get("Content-Type"), header.Get("Allow"), test.status, jsonType, test.allow)
				}
				if answer != test.answer {
					t.Errorf("the body is\n%s\nwant\n%s", answer, test.answer)
				}
			})
		}
		// The service lives on, and takes the next order.
		if status, _, answer := ask(t, client, "POST", "http://"+orders+"/v1/orders", jsonType, exampleOrder); status != http.StatusOK {
			t.Errorf("after all that a good order is answered with %d %s", status, answer)
		}
	}
}

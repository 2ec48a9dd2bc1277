// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	_ "embed" // docs.html
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/openapi"
)

// docsPage shows /openapi.json. It loads nothing else.
//
//go:embed docs.html
var docsPage []byte

// description is the pages that describe the REST routes.
type description struct {
	server   *Server
	once     sync.Once // for document
	document []byte
	err      error
}

// page is what a GET of one of them answers.
type page struct {
	media string
	body  func() ([]byte, error)
}

// find returns the page of a path, false if there is none, or if it is not asked for.
func (d *description) find(method, path string) (page, bool) {
	describes := d.server.options.REST.OpenAPI
	if describes == nil || method != "GET" && method != "HEAD" {
		return page{}, false
	}
	path, _, _ = strings.Cut(path, "?")
	return describes.page(d, path)
}

// page returns the page of a path, false if there is none.
func (o OpenAPI) page(d *description, path string) (page, bool) {
	switch {
	case path == "/openapi.json" && (o.On || o.Docs):
		return page{"application/json", func() ([]byte, error) { return o.json(d) }}, true
	case path == "/docs" && o.Docs:
		return page{"text/html; charset=utf-8", func() ([]byte, error) { return docsPage, nil }}, true
	}
	return page{}, false
}

// json returns the document, which is made when it is first asked for: methods are registered by then.
func (o OpenAPI) json(d *description) ([]byte, error) {
	d.once.Do(func() {
		if d.document = o.Document; d.document == nil {
			d.document, d.err = openapi.Document(d.server.Methods(), openapi.Options{
				Title: o.Title, Version: o.Version, Rules: d.server.options.REST.Rules})
		}
	})
	return d.document, d.err
}

// answer answers with the page.
func (p page) answer(served exchange.Served) error {
	body, err := p.body()
	status, media := "200", p.media
	if err != nil {
		status, media, body = "500", "text/plain; charset=utf-8", []byte(fmt.Sprintf("the document could not be made: %v\n", err))
	}
	head := exchange.Head{Fields: []exchange.Field{
		{Name: ":status", Value: status}, {Name: "content-type", Value: media}, {Name: "content-length", Value: strconv.Itoa(len(body))},
		{Name: "x-content-type-options", Value: "nosniff"},
		{Name: "content-security-policy", Value: "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"},
	}}
	if served.Request().Get(":method") == "HEAD" {
		body = nil
	}
	return served.Answer(head, body, nil)
}

// SPDX-License-Identifier: Apache-2.0

// Package openapi describes HTTP rules as an OpenAPI 3.1 document.
//
// The document has every route that package rest serves: its parameters, bodies and answers as they are in JSON, the errors, and what the
// .proto files say in comments, field behaviours, deprecations and protovalidate rules. Comments are in descriptors that a
// compiler has just made ("farcall openapi"), not in those that a program is linked with.
//
// document.go has the document, operation.go a route, schema.go the messages, validate.go protovalidate's rules.
package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
)

// Options are what descriptors do not say.
type Options struct {
	Title       string            // "": the names of the services
	Version     string            // of the API; "": that of the .proto package ("v1"), or "0"
	Description string            // of the whole
	Servers     []string          // URLs; none: where the document comes from
	Rules       *annotations.Http // as in rest.Options.Rules; nil: there are none
}

// version is the OpenAPI version of the documents.
const version = "3.1.0"

// document is one on its way.
type document struct {
	options Options
	paths   *object
	tags    []any
	tagged  map[string]bool
	known   map[string]string // from a path with its parameters blank to the path that is in paths
	schemas *object
}

// Document returns the OpenAPI document, as JSON, of the methods that have HTTP rules.
func Document(methods []*farcall.Method, options Options) ([]byte, error) {
	d := &document{options: options, paths: newObject(), tagged: make(map[string]bool), known: make(map[string]string), schemas: newObject()}
	methods = slices.SortedFunc(slices.Values(methods), func(a, b *farcall.Method) int { return cmp.Compare(a.Path, b.Path) })
	for _, method := range methods {
		rules, err := schema.Rules(method, options.Rules)
		if err != nil {
			return nil, err
		}
		for i, rule := range rules {
			d.addOperation(method, rule, i)
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d.whole()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// whole returns the document with all that has been added.
func (d *document) whole() *object {
	d.addStatus()
	info := newObject("title", d.title(), "version", d.version())
	info.setText("description", d.options.Description)
	whole := newObject("openapi", version, "info", info)
	if len(d.options.Servers) > 0 {
		var servers []any
		for _, url := range d.options.Servers {
			servers = append(servers, newObject("url", url))
		}
		whole.set("servers", servers)
	}
	if len(d.tags) > 0 {
		whole.set("tags", d.tags)
	}
	whole.set("paths", d.paths)
	slices.Sort(d.schemas.names)
	whole.set("components", newObject("schemas", d.schemas, "responses", newObject("Error", newObject(
		"description", "What went wrong; the status is the one of its code.",
		"content", newObject("application/json", newObject("schema", reference(statusName)))))))
	return whole
}

func (d *document) title() string {
	if d.options.Title != "" || len(d.tags) == 0 {
		return cmp.Or(d.options.Title, "API")
	}
	var names []string
	for _, service := range sortedKeys(d.tagged) {
		names = append(names, service[strings.LastIndexByte(service, '.')+1:])
	}
	return strings.Join(names, ", ")
}

// version returns the version of the API: the part of the package that looks like one.
func (d *document) version() string {
	if d.options.Version != "" {
		return d.options.Version
	}
	for _, service := range sortedKeys(d.tagged) {
		for _, part := range slices.Backward(strings.Split(service, ".")) {
			if len(part) > 1 && part[0] == 'v' && part[1] >= '0' && part[1] <= '9' {
				return part
			}
		}
	}
	return "0"
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

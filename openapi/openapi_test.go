// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
)

// described returns the document of a method for each rule; it has no descriptor, as of a program that was built by others.
func described(t *testing.T, rules ...string) map[string]any {
	t.Helper()
	var methods []*farcall.Method
	http := &annotations.Http{}
	for i, path := range rules {
		methods = append(methods, &farcall.Method{
			Path:        fmt.Sprintf("/test.v3.Info/Get%d", i),
			NewRequest:  func() proto.Message { return &errdetails.ErrorInfo{} },
			NewResponse: func() proto.Message { return &wrapperspb.StringValue{} },
		})
		http.Rules = append(http.Rules, &annotations.HttpRule{Selector: fmt.Sprintf("test.v3.Info.Get%d", i), Pattern: &annotations.HttpRule_Get{Get: path}})
	}
	text, err := Document(methods, Options{Rules: http})
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// TestPaths: templates become paths, whose parameters are single segments.
func TestPaths(t *testing.T) {
	for template, want := range map[string]string{
		"/":                             "/",
		"/v1/{reason}":                  "/v1/{reason}",
		"/v1/{reason}/{domain}:check":   "/v1/{reason}/{domain}:check",
		"/v1/{reason=shops/*/orders/*}": "/v1/shops/{shop}/orders/{order}",
		"/v1/{reason=shops/*/shops/*}":  "/v1/shops/{shop}/shops/{shop2}",
		"/v1/{reason=*/*}":              "/v1/{reason1}/{reason2}",
		"/v1/{reason=**}":               "/v1/{reason}",
		"/v1/*/x":                       "/v1/{segment2}/x",
		"/v1/a%7Bb/{reason}":            "/v1/a%7Bb/{reason}",
		"/v1/{reason=shops/*/rooms/1/**}:inspect": "/v1/shops/{shop}/rooms/1/{reason5}:inspect",
	} {
		paths, _ := described(t, template)["paths"].(map[string]any)
		item, ok := paths[want].(map[string]any)
		if !ok || len(paths) != 1 {
			t.Errorf("%s became %v, want %s", template, paths, want)
			continue
		}
		operation, _ := item["get"].(map[string]any)
		parameters, _ := operation["parameters"].([]any)
		count := 0
		for _, parameter := range parameters {
			if parameter.(map[string]any)["in"] == "path" {
				count++
			}
		}
		if count != strings.Count(want, "{") {
			t.Errorf("%s has %d parameters in %v", want, count, parameters)
		}
	}
}

// TestSamePath: paths that differ in the names of parameters alone are one to OpenAPI.
func TestSamePath(t *testing.T) {
	paths, _ := described(t, "/v1/{reason}/a", "/v1/{domain}/b", "/v1/{domain}/a:x", "/v1/{reason}/a:y")["paths"].(map[string]any)
	if len(paths) != 4 {
		t.Errorf("got %v", paths)
	}
}

func TestVersionAndTitle(t *testing.T) {
	info, _ := described(t, "/v1/{reason}")["info"].(map[string]any)
	if info["title"] != "Info" || info["version"] != "v3" {
		t.Errorf("got %v", info)
	}
	text, err := Document(nil, Options{})
	if err != nil || !json.Valid(text) || !strings.Contains(string(text), `"title": "API"`) {
		t.Errorf("nothing: %s, %v", text, err)
	}
}

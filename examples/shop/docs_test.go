// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestDocsPage opens what the order service says of itself.
func TestDocsPage(t *testing.T) {
	_, orders, _ := startBoth(t)
	for version, client := range restClients(t) {
		status, header, answer := ask(t, client, "GET", "http://"+orders+"/openapi.json", "", "")
		var document struct {
			OpenAPI string                    `json:"openapi"`
			Paths   map[string]map[string]any `json:"paths"`
		}
		if err := json.Unmarshal([]byte(answer), &document); err != nil || status != http.StatusOK {
			t.Fatalf("%s: /openapi.json is %d, %q: %v", version, status, header.Get("Content-Type"), err)
		}
		if !strings.HasPrefix(document.OpenAPI, "3.1.") || document.Paths["/v1/orders"]["post"] == nil {
			t.Errorf("%s: the document is OpenAPI %q, and has %d paths without a way to order", version, document.OpenAPI, len(document.Paths))
		}
		if !strings.Contains(answer, "Orders takes orders and has them paid.") {
			t.Errorf("%s: the document has no comments", version)
		}
		status, header, answer = ask(t, client, "GET", "http://"+orders+"/docs", "", "")
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.Contains(answer, "openapi.json") {
			t.Errorf("%s: /docs is %d, %q, with %d bytes", version, status, header.Get("Content-Type"), len(answer))
		}
	}
}

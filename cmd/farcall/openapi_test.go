// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

const describedProto = `syntax = "proto3"; package tea.v1; import "google/api/annotations.proto";
// Tea makes tea.
service Tea {
  // Brew brews. It takes a while.
  rpc Brew(Leaf) returns (Leaf) { option (google.api.http) = {post: "/v1/brew" body: "*"}; }
  rpc Pour(Leaf) returns (stream Leaf);
}
message Leaf {
  string kind = 1; // green, most of the time
}
`

const describedService = `type: google.api.Service
config_version: 3
name: tea.example
http:
  rules:
  - selector: tea.v1.Tea.Pour
    get: /v1/pour
    additional_bindings:
    - get: /v1/pour/{kind}
`

func TestOpenAPI(t *testing.T) {
	directory := t.TempDir()
	writeFile(t, filepath.Join(directory, "proto/tea.proto"), describedProto)
	rules := writeFile(t, filepath.Join(directory, "service.yaml"), describedService)
	out := filepath.Join(directory, "openapi.json")
	if _, stderr, err := run(t, "openapi", filepath.Join(directory, "proto"), "--rules", rules, "--out", out, "--title", "Tea"); err != nil || stderr != "" {
		t.Fatal(err, stderr)
	}
	wrong := writeFile(t, filepath.Join(directory, "wrong.yaml"), strings.ReplaceAll(describedService, "Pour", "Pur"))
	if _, stderr, err := run(t, "openapi", filepath.Join(directory, "proto"), "--rules", wrong); err != nil || !strings.Contains(stderr, `wrong.yaml: warning: no method below `) || !strings.Contains(stderr, `"tea.v1.Tea.Pur"`) {
		t.Errorf("a selector that selects nothing: %v, %q", err, stderr)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Info  struct{ Title, Version string }
		Paths map[string]map[string]struct{ Summary, Description string }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if document.Info.Title != "Tea" || document.Info.Version != "v1" || len(document.Paths) != 3 ||
		document.Paths["/v1/brew"]["post"].Summary != "Brew brews" || document.Paths["/v1/brew"]["post"].Description != "Brew brews. It takes a while." {
		t.Errorf("got %+v", document)
	}
	if _, ok := document.Paths["/v1/pour/{kind}"]["get"]; !ok || !strings.Contains(string(text), "green, most of the time") {
		t.Errorf("got %s", text)
	}
	stdout, _, err := run(t, "openapi", filepath.Join(directory, "proto"))
	if err != nil || !json.Valid([]byte(stdout)) || strings.Contains(stdout, "pour") {
		t.Errorf("without rules: %s, %v", stdout, err)
	}
}

func TestRules(t *testing.T) {
	directory := t.TempDir()
	stdout, _, err := run(t, "rules", writeFile(t, filepath.Join(directory, "service.yaml"), describedService))
	want := `{
  "rules": [
    {
      "selector": "tea.v1.Tea.Pour",
      "get": "/v1/pour",
      "additional_bindings": [
        {
          "get": "/v1/pour/{kind}"
        }
      ]
    }
  ]
}
`
	if err != nil || stdout != want {
		t.Errorf("got %s, %v", stdout, err)
	}
	for text, want := range map[string]string{
		"name: x":                      "it has no HTTP rules",
		"http: {rules: []}":            "it has no HTTP rules",
		"http: {rules: [{gets: /v1}]}": `unknown field "gets"`,
		"http: [":                      "yaml",
	} {
		if _, _, err := run(t, "rules", writeFile(t, filepath.Join(directory, "bad.yaml"), text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

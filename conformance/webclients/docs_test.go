// SPDX-License-Identifier: Apache-2.0

package webclients

import (
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
)

// TestDocs opens the page that the shop has for people, as a picture of which FARCALL_PICTURES names the folder.
func TestDocs(t *testing.T) {
	node, chromium := program(t, "node"), program(t, "chromium")
	run(t, folder(t), node, "docs.mjs", chromium, startShop(t).address, os.Getenv("FARCALL_PICTURES"))
}

// TestOpenAPI has an independent validator judge the document that the shop serves.
func TestOpenAPI(t *testing.T) {
	response, err := http.Get("http://" + startShop(t).address + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	document, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", response.Status, err, document)
	}
	read, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	judge, faults := validator.NewValidator(read)
	if len(faults) > 0 {
		t.Fatalf("%v\n%s", faults, document)
	}
	if ok, faults := judge.ValidateDocument(); !ok {
		t.Errorf("the document is not valid: %v\n%s", faults, document)
	}
}

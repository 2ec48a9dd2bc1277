// SPDX-License-Identifier: Apache-2.0

package webclients

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farcall/farcall/conformance/suites"
)

func TestConnectNode(t *testing.T) {
	node := program(t, "node")
	shop := startShop(t)
	run(t, folder(t), node, "connectnode.mjs", shop.address, descriptors(t, shop.address))
}

func TestGRPCForNode(t *testing.T) {
	node := program(t, "node")
	shop := startShop(t)
	run(t, folder(t), node, "grpcjs.mjs", shop.address, descriptors(t, shop.address))
}

func TestGRPCForPython(t *testing.T) {
	python := "/usr/bin/python3" // Debian's, which sees Debian's packages
	if exec.Command(python, "-c", "import grpc").Run() != nil {
		lacking(t, "python3-grpcio")
	}
	run(t, folder(t), python, "grpcio.py", startShop(t).address)
}

// The page is another origin's: the test's own server has it. Chromium speaks HTTP/1.1 to the open port, and HTTP/2 over TLS.
func TestBrowser(t *testing.T) {
	node, chromium := program(t, "node"), program(t, "chromium")
	closed := startShop(t)
	in, set := folder(t), descriptors(t, closed.address)
	run(t, in, filepath.Join(in, "node_modules", ".bin", "esbuild"), "page.mjs", "--bundle", "--format=iife", "--outfile=page.js", "--log-level=warning")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			_, _ = w.Write([]byte(`<!doctype html><title>shop</title><script src="/page.js"></script>`))
		case "/page.js":
			http.ServeFile(w, r, filepath.Join(in, "page.js"))
		case "/descriptors.bin":
			http.ServeFile(w, r, set)
		default:
			http.NotFound(w, r)
		}
	}))
	defer page.Close()
	open, certificate := startShop(t, "-origins", page.URL), suites.NewCertificate(t)
	secure := startShop(t, "-origins", page.URL, "-tls-cert", certificate.CertFile, "-tls-key", certificate.KeyFile)
	run(t, in, node, "browser.mjs", chromium, page.URL, "http://"+open.address, "https://"+secure.address, "http://"+closed.address)
}

// curl speaks Connect over both versions of HTTP, in plaintext and over TLS, and gRPC.
func TestCurl(t *testing.T) {
	curl, shop, certificate := program(t, "curl"), startShop(t), suites.NewCertificate(t)
	secure := startShop(t, "-tls-cert", certificate.CertFile, "-tls-key", certificate.KeyFile)
	const order = `{"customer":"curl","cardToken":"tok_visa_4242","items":[{"sku":"TEA-500","quantity":2,"unitPrice":{"currencyCode":"EUR","units":"4"}}]}`
	for _, way := range []struct{ version, url string }{
		{"--http1.1", "http://" + shop.address}, {"--http2-prior-knowledge", "http://" + shop.address},
		{"--http1.1", "https://" + secure.address}, {"--http2", "https://" + secure.address},
	} {
		ask := func(arguments ...string) []byte {
			return run(t, ".", curl, append([]string{"--silent", "--show-error", "--cacert", certificate.CertFile, way.version}, arguments...)...)
		}
		said := ask("--fail", "--json", order, way.url+"/shop.v1.Orders/CreateOrder")
		var made struct{ OrderID, Status string }
		if err := json.Unmarshal(said, &made); err != nil || made.Status != "ORDER_STATUS_PAID" {
			t.Fatalf("%v: %v: %s", way, err, said)
		}
		said = ask("--include", "--get", "--data-urlencode", "encoding=json", "--data-urlencode", `message={"orderId":"`+made.OrderID+`"}`,
			way.url+"/shop.v1.Orders/GetOrder")
		if !bytes.Contains(said, []byte(made.OrderID)) || !bytes.Contains(bytes.ToLower(said), []byte("\r\netag: ")) {
			t.Errorf("%v: GET: %s", way, said)
		}
		if http2 := way.version != "--http1.1"; bytes.HasPrefix(said, []byte("HTTP/2 200")) != http2 {
			t.Errorf("%v: answered with %.20s", way, said)
		}
		said = ask("--write-out", " %{http_code}", "--json", `{"orderId":"ord_nothing"}`, way.url+"/shop.v1.Orders/GetOrder")
		if !strings.HasPrefix(string(said), `{"code":"not_found","message":"`) || !strings.HasSuffix(string(said), "} 404") {
			t.Errorf("%v: an order that there is not: %s", way, said)
		}
	}
	request := filepath.Join(t.TempDir(), "request")
	if err := os.WriteFile(request, []byte("\x00\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := run(t, ".", curl, "--silent", "--show-error", "--include", "--http2-prior-knowledge", "--header", "content-type: application/grpc",
		"--header", "te: trailers", "--data-binary", "@"+request, "http://"+shop.address+"/shop.v1.Orders/ListOrders")
	if !bytes.Contains(said, []byte("grpc-status: 0")) {
		t.Errorf("gRPC: %s", said)
	}
}

// run runs a program, and returns what it prints.
func run(t *testing.T, in, name string, arguments ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = in
	var said, complaints bytes.Buffer
	command.Stdout, command.Stderr = &said, &complaints
	if err := command.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s%s", filepath.Base(name), arguments, err, said.Bytes(), complaints.Bytes())
	}
	for line := range strings.Lines(said.String()) {
		if strings.HasPrefix(line, "ok") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return said.Bytes()
}

// descriptors returns a file with the descriptors that the shop itself tells, by reflection.
func descriptors(t *testing.T, address string) string {
	t.Helper()
	grpcurl, err := filepath.Abs(filepath.Join("..", "..", ".bin", "grpcurl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(grpcurl); err != nil {
		lacking(t, "grpcurl, which 'make tools' builds")
	}
	file := filepath.Join(t.TempDir(), "descriptors.bin")
	run(t, ".", grpcurl, "-plaintext", "-protoset-out", file, address, "describe", "shop.v1.Orders")
	return file
}

// folder returns a folder with the programs, and the packages that they need beside them.
func folder(t *testing.T) string {
	t.Helper()
	installed, err := filepath.Abs(filepath.Join("..", "..", ".bin", "webclients"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		want, err := os.ReadFile(filepath.Join("programs", name))
		if err != nil {
			t.Fatal(err)
		}
		if have, err := os.ReadFile(filepath.Join(installed, name)); err != nil || !bytes.Equal(have, want) {
			lacking(t, "the npm packages of conformance/webclients/programs, which 'make install' installs")
		}
	}
	in := t.TempDir()
	if err := os.CopyFS(in, os.DirFS("programs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(in, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return in
}

// program returns the path of a program that Debian has.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		lacking(t, name)
	}
	return path
}

// lacking ends a test for which something is missing.
func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing, and with CI set that is a failure ('make install')", what)
	}
	t.Skipf("this test needs %s; 'make tools' and 'make install' have it", what)
}

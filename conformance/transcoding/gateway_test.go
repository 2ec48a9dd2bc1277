// SPDX-License-Identifier: Apache-2.0

package transcoding_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/farcall/farcall/conformance/transcoding/echopb"
	"github.com/farcall/farcall/server"
)

// many is how many requests both get.
const many = 20_000

var update = flag.Bool("update", false, "write the list of differences anew")

const listFile = "testdata/differences.txt"

// reading is what a server made of a request: the status and, if it served it, the message.
type reading struct {
	status int
	text   string // canonical JSON
}

func (r reading) String() string { return fmt.Sprintf("%d %s", r.status, r.text) }

func (r reading) served() bool { return r.status == 200 }

// ours serves echo by farcall, and returns the address.
func ours(t *testing.T) string {
	srv := server.New(server.Options{})
	echopb.RegisterEcho(srv, echo{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() { srv.Close(); <-served })
	return listener.Addr().String()
}

// theirs serves echo by grpc-gateway. Its JSON is set to be as strict and as short as ours.
func theirs(t *testing.T) string {
	mux := runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{}}))
	if err := echopb.RegisterEchoHandlerServer(t.Context(), mux, echo{}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// wire sends requests over one connection after the other, each as long as it lasts.
type wire struct {
	t       *testing.T
	address string
	nc      net.Conn
	reader  *bufio.Reader
}

func (w *wire) read(r request) reading {
	for range 2 { // a connection may have been closed behind the last answer
		if w.nc == nil {
			nc, err := net.Dial("tcp", w.address)
			if err != nil {
				w.t.Fatal(err)
			}
			w.nc, w.reader = nc, bufio.NewReader(nc)
		}
		_ = w.nc.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(w.nc, r.bytes())
		response, err := http.ReadResponse(w.reader, &http.Request{Method: r.method})
		if err == nil {
			text, err := io.ReadAll(response.Body)
			if response.Close || err != nil {
				w.close()
			}
			return reading{response.StatusCode, canonical(text)}
		}
		w.close()
	}
	w.t.Fatalf("%s: no answer", r)
	return reading{}
}

func (w *wire) close() {
	if w.nc != nil {
		w.nc.Close()
		w.nc = nil
	}
}

// canonical writes JSON in one way, without the spaces that protojson varies from build to build.
func canonical(text []byte) string {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return strings.TrimSpace(string(text))
	}
	if message, ok := value.(map[string]any); ok {
		if mask, ok := message["mask"].(string); ok { // grpc-gateway's order is that of a Go map
			paths := strings.Split(mask, ",")
			slices.Sort(paths)
			message["mask"] = strings.Join(paths, ",")
		}
	}
	written, err := json.Marshal(value)
	if err != nil {
		return string(text)
	}
	return strings.ReplaceAll(string(written), "\u00a0", " ")
}

// TestAgainstGRPCGateway has both read the same requests. Where they differ a rule says why; the list of the rules, how many
// requests each decides, and the first of them, is in testdata and must not change by itself (-update writes it).
func TestAgainstGRPCGateway(t *testing.T) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	a, b := &wire{t: t, address: ours(t)}, &wire{t: t, address: theirs(t)}
	defer a.close()
	defer b.close()
	found := make(map[*rule]*difference)
	same, served := 0, 0
	for _, r := range generate(many) {
		own, other := a.read(r), b.read(r)
		if own.served() && other.served() {
			served++
		}
		if own.served() == other.served() && (!own.served() || own.text == other.text) && own.status == other.status {
			same++
			continue
		}
		rule := decide(r, own, other)
		if rule == nil {
			t.Errorf("no rule decides %s:\n ours   %s\n theirs %s", r, own, other)
			continue
		}
		if found[rule] == nil {
			found[rule] = &difference{first: fmt.Sprintf("%s\n    ours   %.200s\n    theirs %.200s", r, own, other)}
		}
		found[rule].count++
	}
	var list strings.Builder
	fmt.Fprintf(&list, "Of %d requests %d are read the same way, and %d are served by both.\n", many, same, served)
	for _, rule := range slices.SortedFunc(maps.Keys(found), func(a, b *rule) int { return strings.Compare(a.text, b.text) }) {
		quote := ""
		if rule.quote != "" {
			quote = "    http.proto: " + rule.quote + "\n"
		}
		fmt.Fprintf(&list, "\n%d: %s\n%s    %s\n", found[rule].count, rule.text, quote, strings.ToValidUTF8(found[rule].first, "\ufffd"))
	}
	if *update {
		if err := os.WriteFile(listFile, []byte(list.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(listFile)
	if err != nil {
		t.Fatal(err)
	}
	if list.String() != string(want) {
		t.Errorf("the differences are no longer those of %s (go test ./transcoding -update writes it):\n%s", listFile, list.String())
	}
}

type difference struct {
	count int
	first string
}

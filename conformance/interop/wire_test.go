// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/paymentspb"
)

// These tests speak to a server through net/http's HTTP/2 alone, to see and to send what no gRPC client would.

// post sends one HTTP/2 request to the server and returns the whole answer.
func post(t *testing.T, address, path string, header http.Header, body []byte) (*http.Response, []byte) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	sent, err := http.NewRequestWithContext(within(t), http.MethodPost, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
	for key, values := range header {
		sent.Header[key] = values
	}
	got, err := transport.RoundTrip(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got, content
}

// prefixed returns a message as it stands on the wire.
func prefixed(t *testing.T, flags byte, message proto.Message) []byte {
	t.Helper()
	encoded, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{flags}, uint32(len(encoded))), encoded...)
}

const chargePath = "/shop.v1.Payments/Charge"

// eachServer runs a test against every library's server.
func eachServer(t *testing.T, s service, test func(t *testing.T, address string)) {
	for _, to := range sides {
		t.Run(to.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serving := to.serve(listener, s)
			t.Cleanup(serving.close)
			test(t, listener.Addr().String())
		})
	}
}

func charged(*incoming) (*paymentspb.ChargeResponse, *failure) { return response, nil }

func TestAnswerOnTheWire(t *testing.T) {
	eachServer(t, charged, func(t *testing.T, address string) {
		for _, contentType := range []string{"application/grpc", "application/grpc+proto"} {
			got, body := post(t, address, chargePath, http.Header{"Content-Type": {contentType}}, prefixed(t, 0, request))
			if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != contentType {
				t.Errorf("%s is answered by HTTP %d %q", contentType, got.StatusCode, got.Header.Get("Content-Type"))
			}
			if want := prefixed(t, 0, response); !bytes.Equal(body, want) {
				t.Errorf("the body is %x, want %x", body, want)
			}
			if status := got.Trailer.Get("Grpc-Status"); status != "0" {
				t.Errorf("grpc-status is %q in the trailers, want 0", status)
			}
		}
	})
}

// An answer without a message is one header block with the end of the stream: gRPC calls it Trailers-Only.
func TestTrailersOnly(t *testing.T) {
	eachServer(t, charged, func(t *testing.T, address string) {
		got, body := post(t, address, "/shop.v1.Payments/Gift", nil, prefixed(t, 0, request))
		if got.StatusCode != http.StatusOK || got.Header.Get("Grpc-Status") != "12" {
			t.Errorf("HTTP %d with the header %v, want 200 with grpc-status 12", got.StatusCode, got.Header)
		}
		if len(body) != 0 || len(got.Trailer) != 0 {
			t.Errorf("%d bytes and the trailers %v follow, want nothing", len(body), got.Trailer)
		}
	})
}

func TestUnsupportedCompression(t *testing.T) {
	eachServer(t, charged, func(t *testing.T, address string) {
		got, _ := post(t, address, chargePath, http.Header{"Grpc-Encoding": {"smoke"}}, prefixed(t, 1, request))
		if status := grpcStatus(got); status != "12" {
			t.Errorf("an unknown encoding ends with grpc-status %q, want 12", status)
		}
		got, _ = post(t, address, chargePath, nil, prefixed(t, 1, request))
		if status := grpcStatus(got); status != "13" {
			t.Errorf("a compressed message without an encoding ends with grpc-status %q, want 13", status)
		}
	})
}

// grpcStatus returns the status of an answer, whichever form it has.
func grpcStatus(got *http.Response) string {
	if status := got.Header.Get("Grpc-Status"); status != "" {
		return status
	}
	return got.Trailer.Get("Grpc-Status")
}

// A client whose clock has stopped is answered when its deadline has passed, even if the handler takes no notice.
// (grpc-go answers when its handler returns.)
func TestServerEndsOverdueCalls(t *testing.T) {
	release, left := make(chan struct{}), make(chan struct{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := ours.serve(listener, func(*incoming) (*paymentspb.ChargeResponse, *failure) {
		defer close(left)
		<-release
		return response, nil
	})
	t.Cleanup(serving.close)
	got, _ := post(t, listener.Addr().String(), chargePath, http.Header{"Grpc-Timeout": {"100m"}}, prefixed(t, 0, request))
	if status := grpcStatus(got); status != "4" {
		t.Errorf("the overdue call ends with grpc-status %q, want 4", status)
	}
	close(release)
	mustGet(t, left, "the handler's end")
}

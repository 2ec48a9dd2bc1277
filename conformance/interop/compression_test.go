// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // registers grpc-go's own
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall"
	farcallclient "github.com/farcall/farcall/client"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/conformance/paymentspb"
	farcallserver "github.com/farcall/farcall/server"
)

// grpc-go has gzip of its own. For zstd it is given what its users give it: an encoder that writes as it goes, so that
// frames do not say how long they are.
func init() { encoding.RegisterCompressor(grpcgoZstd{}) }

type grpcgoZstd struct{}

func (grpcgoZstd) Name() string { return "zstd" }

func (grpcgoZstd) Compress(to io.Writer) (io.WriteCloser, error) {
	grpcgoZstds.Add(1)
	return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
}

func (grpcgoZstd) Decompress(from io.Reader) (io.Reader, error) {
	grpcgoZstds.Add(1)
	return zstd.NewReader(from, zstd.WithDecoderConcurrency(1))
}

// grpcgoZstds counts what grpc-go has compressed and decompressed by zstd.
var grpcgoZstds atomic.Int32

// echoed answers with the request's order as the payment.
func echoed(in *incoming) (*paymentspb.ChargeResponse, *failure) {
	return &paymentspb.ChargeResponse{PaymentId: in.request.GetOrderId()}, nil
}

// counted is a compressor of ours that counts the messages it has compressed and decompressed.
type counted struct {
	compress.Compressor
	compressed, decompressed atomic.Int32
}

func (c *counted) Compress(dst, data []byte) ([]byte, error) {
	c.compressed.Add(1)
	return c.Compressor.Compress(dst, data)
}

func (c *counted) Decompress(dst, data []byte, limit int) ([]byte, error) {
	large, err := c.Compressor.Decompress(dst, data, limit)
	if err == nil { // a large message is first tried with less room than it needs
		c.decompressed.Add(1)
	}
	return large, err
}

// sizes of the messages: below a block of zstd, and of several.
var sizes = []int{5_000, 300_000, 3_000_000}

func bigRequest(size int) *paymentspb.ChargeRequest {
	return &paymentspb.ChargeRequest{OrderId: strings.Repeat("compressible ", size/13)}
}

func TestCompressionOfOurClientToGRPCGo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := grpcgo.serve(listener, echoed)
	t.Cleanup(serving.close)
	for _, c := range []compress.Compressor{compress.Gzip, compress.Zstd} {
		t.Run(c.Name(), func(t *testing.T) {
			near := &counted{Compressor: c}
			conn, err := farcallclient.New(listener.Addr().String(), farcallclient.Options{
				Compression: c.Name(), Compressors: []compress.Compressor{near},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for n, size := range sizes {
				request := bigRequest(size)
				response, err := paymentspb.NewPaymentsStub(conn).Charge(t.Context(), request)
				if err != nil || response.GetPaymentId() != request.GetOrderId() {
					t.Fatalf("%d bytes: %d came back, %v", size, len(response.GetPaymentId()), err)
				}
				if want := int32(n + 1); near.compressed.Load() != want || near.decompressed.Load() != want {
					t.Errorf("after %d calls %d requests were compressed, and %d responses", want, near.compressed.Load(), near.decompressed.Load())
				}
			}
		})
	}
	if grpcgoZstds.Load() == 0 {
		t.Error("grpc-go has seen no zstd")
	}
}

func TestCompressionOfGRPCGoToOurServer(t *testing.T) {
	for _, c := range []compress.Compressor{compress.Gzip, compress.Zstd} {
		t.Run(c.Name(), func(t *testing.T) {
			far := &counted{Compressor: c}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := farcallserver.New(farcallserver.Options{Compressors: []compress.Compressor{far}})
			paymentspb.RegisterPayments(srv, ourPayments{serve: echoed})
			served := make(chan error, 1)
			go func() { served <- srv.Serve(listener) }() // ends with Close
			defer func() { _ = srv.Close(); <-served }()
			conn, err := grpc.NewClient("passthrough:///"+listener.Addr().String(),
				grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.UseCompressor(c.Name())))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for n, size := range sizes {
				request := bigRequest(size)
				response, err := paymentspb.NewPaymentsClient(conn).Charge(t.Context(), request)
				if err != nil || response.GetPaymentId() != request.GetOrderId() {
					t.Fatalf("%d bytes: %d came back, %v", size, len(response.GetPaymentId()), err)
				}
				if want := int32(n + 1); far.compressed.Load() != want || far.decompressed.Load() != want {
					t.Errorf("after %d calls %d responses were compressed, and %d requests", want, far.compressed.Load(), far.decompressed.Load())
				}
			}
		})
	}
}

// A handler's choice, and the encodings that a client accepts, seen from a client that is none of ours.
func TestAnswersOnlyInWhatIsAccepted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := farcallserver.New(farcallserver.Options{Compression: "zstd,gzip", MinCompressBytes: -1})
	paymentspb.RegisterPayments(srv, ourPayments{serve: func(*incoming) (*paymentspb.ChargeResponse, *failure) {
		return &paymentspb.ChargeResponse{PaymentId: strings.Repeat("x", 4096)}, nil
	}})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }() // ends with Close
	defer func() { _ = srv.Close(); <-served }()
	for accepted, want := range map[string]string{
		"": "", "identity": "", "gzip": "gzip", "gzip, zstd": "zstd", "br,gzip,identity": "gzip", "br": "",
	} {
		header := http.Header{}
		if accepted != "" {
			header.Set("Grpc-Accept-Encoding", accepted)
		}
		got, body := post(t, listener.Addr().String(), chargePath, header, prefixed(t, 0, request))
		if encoding := got.Header.Get("Grpc-Encoding"); encoding != want || grpcStatus(got) != "0" || (body[0] == 1) != (want != "") {
			t.Errorf("who accepts %q is answered in %q, flag %d, grpc-status %s", accepted, encoding, body[0], grpcStatus(got))
		}
	}
	// What is not known is refused, with a list of what is.
	got, _ := post(t, listener.Addr().String(), chargePath, http.Header{"Grpc-Encoding": {"br"}}, prefixed(t, 1, request))
	if grpcStatus(got) != "12" || got.Header.Get("Grpc-Accept-Encoding") != "gzip,zstd,identity" {
		t.Errorf("an unknown encoding: grpc-status %s, grpc-accept-encoding %q", grpcStatus(got), got.Header.Get("Grpc-Accept-Encoding"))
	}
}

// stranger is a compression that one end only knows.
type stranger struct{ compress.Compressor }

func (stranger) Name() string { return "stranger" }

// An encoding that the other end does not know fails the call, and the next one is none the worse.
func TestUnknownEncodings(t *testing.T) {
	each(t, func(t *testing.T, start func(service) (client, server)) {
		calling, _ := start(echoed)
		conn, ok := calling.(ourClient)
		if !ok {
			return // grpc-go's registry is one for both ends
		}
		strange, err := farcallclient.New(conn.conn.Target(), farcallclient.Options{
			Compression: "stranger", Compressors: []compress.Compressor{stranger{compress.Gzip}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer strange.Close()
		stub := paymentspb.NewPaymentsStub(strange)
		_, err = stub.Charge(t.Context(), bigRequest(sizes[0]))
		wantCode(t, ourFailure(err), codeUnimplemented)
		request := bigRequest(sizes[0])
		response, err := stub.Charge(farcall.WithCompression(context.WithoutCancel(t.Context()), "identity"), request)
		if err != nil || !proto.Equal(response, &paymentspb.ChargeResponse{PaymentId: request.GetOrderId()}) {
			t.Errorf("without compression: %v", err)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/server"
)

// restCount is a method that returns a stream, at GET /v1/count.
func restCount(t testing.TB) *farcall.Method {
	return ruled(t, *count, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/count"}})
}

// ruled returns a method with an HTTP rule.
func ruled(t testing.TB, method farcall.Method, rule *annotations.HttpRule) *farcall.Method {
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, rule)
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("server_rest_test.proto"), Package: proto.String("test.v1"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/wrappers.proto"},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Echo"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: proto.String(method.Name()), InputType: proto.String(".google.protobuf.StringValue"),
			OutputType: proto.String(".google.protobuf.StringValue"), ServerStreaming: proto.Bool(method.Kind.ReturnsStream()), ClientStreaming: proto.Bool(method.Kind.SendsStream()), Options: options,
		}}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	method.Descriptor = func() protoreflect.MethodDescriptor { return file.Services().Get(0).Methods().Get(0) }
	return &method
}

// httpVersions are clients of the two versions of HTTP that a server speaks.
func httpVersions(t testing.TB) map[string]*http.Client {
	clients := make(map[string]*http.Client)
	for name, choose := range map[string]func(*http.Protocols, bool){
		"HTTP/1.1": (*http.Protocols).SetHTTP1, "HTTP/2": (*http.Protocols).SetUnencryptedHTTP2,
	} {
		client := httpClient(t, nil)
		transport := client.Transport.(*http.Transport)
		transport.Protocols = new(http.Protocols)
		choose(transport.Protocols, true)
		clients[name] = client
	}
	return clients
}

// get makes a GET request; headers are names and values in turn.
func get(t testing.TB, ctx context.Context, client *http.Client, url string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// TestStreamsOverREST reads each line before the next message is sent, and the failure behind them.
func TestStreamsOverREST(t *testing.T) {
	for version, client := range httpVersions(t) {
		t.Run(version, func(t *testing.T) {
			read := make(chan struct{})
			address := run(t, register(restCount(t), func(ctx context.Context, stream farcall.Stream) error {
				request := new(wrapperspb.StringValue)
				if err := stream.Receive(request); err != nil {
					return err
				}
				stream.ResponseHeader().Set("etag", "v1")
				for _, text := range []string{"a\nb", ""} {
					if err := stream.Send(wrapperspb.String(request.Value + text)); err != nil {
						return err
					}
					select {
					case <-read:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				return farcall.Errorf(farcall.DataLoss, "the rest is lost")
			}, server.Options{}))
			response := get(t, t.Context(), client, "http://"+address+"/v1/count?value=x")
			if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/x-ndjson" || response.Header.Get("Etag") != "v1" {
				t.Fatalf("got %s, %v", response.Status, response.Header)
			}
			lines := bufio.NewReader(response.Body)
			for _, want := range []string{`"xa\nb"`, `"x"`} {
				line, err := lines.ReadString('\n')
				if err != nil || line != want+"\n" {
					t.Fatalf("got %q, %v, want %s", line, err, want)
				}
				read <- struct{}{}
			}
			rest, err := io.ReadAll(lines)
			if want := `{"error":{"code":15,"message":"the rest is lost"}}` + "\n"; err != nil || string(rest) != want {
				t.Errorf("got %q, %v, want %s", rest, err, want)
			}
		})
	}
}

func TestStreamsOverRESTThatFailAtOnce(t *testing.T) {
	address := run(t, register(restCount(t), func(ctx context.Context, stream farcall.Stream) error {
		if _, bounded := ctx.Deadline(); bounded {
			<-ctx.Done()
			return ctx.Err()
		}
		return farcall.Errorf(farcall.NotFound, "nothing to count")
	}, server.Options{}))
	for version, client := range httpVersions(t) {
		for want, headers := range map[string][]string{
			`404 {"code":5,"message":"nothing to count"}`: nil,
			`504 {"code":4,"message":"`:                   {"grpc-timeout", "1m"},
		} {
			response := get(t, t.Context(), client, "http://"+address+"/v1/count", headers...)
			text, err := io.ReadAll(response.Body)
			got := fmt.Sprintf("%d %s", response.StatusCode, text)
			if err != nil || !strings.HasPrefix(got, want) || response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s, %v: %s, %v, want %s…", version, headers, got, err, want)
			}
		}
	}
}

func TestLeavingAStreamOverRESTEndsTheHandlersContext(t *testing.T) {
	for version, client := range httpVersions(t) {
		t.Run(version, func(t *testing.T) {
			ended := make(chan error, 1)
			address := run(t, register(restCount(t), func(ctx context.Context, stream farcall.Stream) error {
				if err := stream.Send(wrapperspb.String("a")); err != nil {
					return err
				}
				<-ctx.Done() // nothing is sent any more: it must be noticed all the same
				ended <- ctx.Err()
				return ctx.Err()
			}, server.Options{}))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			response := get(t, ctx, client, "http://"+address+"/v1/count")
			if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || line != "\"a\"\n" {
				t.Fatalf("got %q, %v", line, err)
			}
			cancel()
			if err := <-ended; err != context.Canceled {
				t.Errorf("the handler's context: %v", err)
			}
		})
	}
}

// TestHEADOfAStream has the head of the answer, and ends a stream that has no end.
func TestHEADOfAStream(t *testing.T) {
	for version, client := range httpVersions(t) {
		ended := make(chan struct{})
		address := run(t, register(restCount(t), func(ctx context.Context, stream farcall.Stream) error {
			defer close(ended)
			for {
				if err := stream.Send(wrapperspb.String("a")); err != nil {
					return err
				}
			}
		}, server.Options{}))
		response, text := send(t, client, "HEAD", "http://"+address+"/v1/count", "", "")
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/x-ndjson" || response.ContentLength != -1 || text != "" {
			t.Errorf("%s: %s, length %d, %q", version, response.Status, response.ContentLength, text)
		}
		<-ended
	}
}

// TestHandlersOfRESTStreamsSeeTheEdgesContext: what the Observer put there at the edge is the call's.
func TestHandlersOfRESTStreamsSeeTheEdgesContext(t *testing.T) {
	address := run(t, register(restCount(t), func(ctx context.Context, stream farcall.Stream) error {
		side, _ := ctx.Value(sideKey{}).(farcall.Side)
		if side != farcall.SideEdge {
			return farcall.Errorf(farcall.Internal, "the context is from side %d", side)
		}
		return stream.Send(wrapperspb.String("joined"))
	}, server.Options{Observer: firstSide{}}))
	_, text := send(t, httpClient(t, nil), "GET", "http://"+address+"/v1/count", "", "")
	if text != "\"joined\"\n" {
		t.Errorf("got %s", text)
	}
}

// firstSide is an Observer that notes, in the context, where a call was begun first.
type firstSide struct{}

type sideKey struct{}

func (firstSide) Begin(ctx context.Context, call *farcall.CallInfo) context.Context {
	if ctx.Value(sideKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, sideKey{}, call.Side)
}

func (firstSide) Event(farcall.Event) {}

// TestBrokenChunksOverHTTP1 tells a body that breaks the rules of HTTP from a client that has gone.
func TestBrokenChunksOverHTTP1(t *testing.T) {
	posted := ruled(t, *say, &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1/say"}, Body: "*"})
	nc, err := net.Dial("tcp", run(t, register(posted, farcall.HandleUnary(repeat), server.Options{})))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(nc, "POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n{}\r\n0\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != 400 || !strings.Contains(string(text), "malformed") {
		t.Errorf("%s %s", response.Status, text)
	}
}

// TestSelectorsThatSelectNothing: the log names them, once.
func TestSelectorsThatSelectNothing(t *testing.T) {
	pattern := &annotations.HttpRule_Get{Get: "/v1/say/{value}"}
	rules := &annotations.Http{Rules: []*annotations.HttpRule{
		{Selector: "test.v1.Echo.Say", Pattern: pattern}, {Selector: "test.v1.Echo.Sya", Pattern: pattern}, {Selector: "typo", Pattern: pattern},
	}}
	log := &lines{told: make(chan struct{}, 1)}
	runSay(t, server.Options{Logger: slog.New(slog.NewTextHandler(log, nil)), REST: server.REST{Rules: rules}}, repeat)
	if text := log.take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `selectors="[test.v1.Echo.Sya typo]"`) {
		t.Errorf("logged %s", text)
	}
}

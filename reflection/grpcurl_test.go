// SPDX-License-Identifier: Apache-2.0

package reflection_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/health"
	"github.com/farcall/farcall/reflection"
	"github.com/farcall/farcall/server"
)

// patience bounds every wait of these tests. It decides nothing but how long a broken test takes.
const patience = 30 * time.Second

// grpcurl returns a command of the real grpcurl, which `make tools` builds.
func grpcurl(t *testing.T, arguments ...string) *exec.Cmd {
	t.Helper()
	binary, err := filepath.Abs("../.bin/grpcurl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("grpcurl is missing, and with CI set that is a failure; 'make tools' builds it: %v", err)
		}
		t.Skipf("this test needs grpcurl; 'make tools' builds it: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, binary, append([]string{"-plaintext"}, arguments...)...)
}

// run returns what grpcurl prints; a failure of grpcurl is one of the test.
func run(t *testing.T, arguments ...string) string {
	t.Helper()
	command := grpcurl(t, arguments...)
	printed, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("grpcurl %s: %v\n%s", strings.Join(arguments, " "), err, printed)
	}
	return string(printed)
}

// fail returns what grpcurl prints when it fails; its success is a failure of the test.
func fail(t *testing.T, arguments ...string) string {
	t.Helper()
	command := grpcurl(t, arguments...)
	printed, err := command.CombinedOutput()
	if err == nil {
		t.Fatalf("grpcurl %s succeeded:\n%s", strings.Join(arguments, " "), printed)
	}
	return string(printed)
}

func wantJSON(t *testing.T, got, want string) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(got)); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, got)
	}
	if compact.String() != want {
		t.Errorf("got %s, want %s", compact.String(), want)
	}
}

// serving is a server with the health service and the Store, on a port of its own.
type serving struct {
	*server.Server
	status  *health.Server
	address string
}

func withReflection(srv *server.Server) { reflection.Register(srv) }

func serve(t *testing.T, register func(*server.Server)) *serving {
	t.Helper()
	srv := server.New(server.Options{})
	register(srv)
	s := &serving{Server: srv, status: health.Register(srv)}
	offerStore(t, srv)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }() // ends by Close
	t.Cleanup(func() {
		srv.Close()
		<-ended
	})
	return s
}

// offerStore registers shop.Store/Buy: a gift for whoever pays, an error with a detail for whoever does not.
func offerStore(t *testing.T, on farcall.Registrar) {
	t.Helper()
	set := new(descriptorpb.FileDescriptorSet)
	if err := prototext.Unmarshal([]byte(shopFiles), set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	found, err := files.FindDescriptorByName("shop.Store.Buy")
	if err != nil {
		t.Fatal(err)
	}
	buy := found.(protoreflect.MethodDescriptor)
	on.Register(&farcall.Method{
		Path:        "/shop.Store/Buy",
		Descriptor:  func() protoreflect.MethodDescriptor { return buy },
		NewRequest:  func() proto.Message { return dynamicpb.NewMessage(buy.Input()) },
		NewResponse: func() proto.Message { return dynamicpb.NewMessage(buy.Output()) },
	}, func(_ context.Context, stream farcall.Stream) error {
		item := dynamicpb.NewMessage(buy.Input())
		if err := stream.Receive(item); err != nil {
			return err
		}
		if !item.Has(buy.Input().Fields().ByName("price")) {
			return farcall.NewError(farcall.InvalidArgument, "pay first", &errdetails.ErrorInfo{Reason: "NO_PRICE"})
		}
		return stream.Send(dynamicpb.NewMessage(buy.Output()))
	})
}

func TestGrpcurlListsAndDescribes(t *testing.T) {
	s := serve(t, withReflection)
	wantServices := "grpc.health.v1.Health\ngrpc.reflection.v1.ServerReflection\ngrpc.reflection.v1alpha.ServerReflection\nshop.Store\n"
	if got := run(t, s.address, "list"); got != wantServices {
		t.Errorf("list printed\n%s", got)
	}
	if got := run(t, s.address, "list", "grpc.health.v1.Health"); got !=
		"grpc.health.v1.Health.Check\ngrpc.health.v1.Health.List\ngrpc.health.v1.Health.Watch\n" {
		t.Errorf("list of a service printed\n%s", got)
	}
	all := run(t, s.address, "describe")
	for _, part := range []string{
		"rpc Watch ( .grpc.health.v1.HealthCheckRequest ) returns ( stream .grpc.health.v1.HealthCheckResponse );",
		"rpc Buy ( .shop.Item ) returns ( .shop.Gift );",
		"rpc ServerReflectionInfo ( stream .grpc.reflection.v1alpha.ServerReflectionRequest )",
	} {
		if !strings.Contains(all, part) {
			t.Errorf("describe printed no %q but\n%s", part, all)
		}
	}
	if got := run(t, s.address, "describe", "shop.Item"); !strings.Contains(got, "optional .shop.Money price = 1;") {
		t.Errorf("describe of a message printed\n%s", got)
	}
	if got := fail(t, s.address, "describe", "shop.Nothing"); !strings.Contains(got, "shop.Nothing") {
		t.Errorf("describe of what is not there printed\n%s", got)
	}
}

// withoutV1 is a server that was built before version 1 of reflection existed.
type withoutV1 struct{ *server.Server }

func (w withoutV1) Register(method *farcall.Method, handler farcall.Handler) {
	if method.Path != pathV1 {
		w.Server.Register(method, handler)
	}
}

func TestGrpcurlFallsBackToV1Alpha(t *testing.T) {
	s := serve(t, func(srv *server.Server) { reflection.Register(withoutV1{srv}) })
	if got := run(t, s.address, "list"); got != "grpc.health.v1.Health\ngrpc.reflection.v1alpha.ServerReflection\nshop.Store\n" {
		t.Errorf("list printed\n%s", got)
	}
	wantJSON(t, run(t, "-d", `{"price": {"units": 5}}`, s.address, "shop.Store/Buy"), `{}`)
}

func TestGrpcurlCalls(t *testing.T) {
	s := serve(t, withReflection)
	wantJSON(t, run(t, "-d", `{"price": {"units": 5}}`, s.address, "shop.Store/Buy"), `{}`)
	// The detail's message is imported by no file of the service, so reflection finds it among the linked files.
	got := fail(t, "-d", `{}`, s.address, "shop.Store/Buy")
	for _, part := range []string{"InvalidArgument", "pay first", "google.rpc.ErrorInfo", `"NO_PRICE"`} {
		if !strings.Contains(got, part) {
			t.Errorf("a failed call printed no %s but\n%s", part, got)
		}
	}
}

func TestGrpcurlChecksHealth(t *testing.T) {
	s := serve(t, withReflection)
	s.status.SetNotServing("shop.Store")
	check := "grpc.health.v1.Health/Check"
	wantJSON(t, run(t, s.address, check), `{"status":"SERVING"}`)
	wantJSON(t, run(t, "-d", `{"service": "shop.Store"}`, s.address, check), `{"status":"NOT_SERVING"}`)
	wantJSON(t, run(t, s.address, "grpc.health.v1.Health/List"),
		`{"statuses":{"":{"status":"SERVING"},"shop.Store":{"status":"NOT_SERVING"}}}`)
	if got := fail(t, "-d", `{"service": "nobody"}`, s.address, check); !strings.Contains(got, "Code: NotFound") {
		t.Errorf("a check of an unknown service printed\n%s", got)
	}
}

// Watch is a stream that ends only with the server: the first message comes at once, the last says that the server goes.
func TestGrpcurlWatchesHealthUntilTheServerShutsDown(t *testing.T) {
	s := serve(t, withReflection)
	watch := grpcurl(t, s.address, "grpc.health.v1.Health/Watch")
	var complaint strings.Builder
	watch.Stderr = &complaint
	printed, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(printed)
	nextStatus := func() string { // "" at the end
		for lines.Scan() {
			if _, status, found := strings.Cut(lines.Text(), `"status": `); found {
				return status
			}
		}
		return ""
	}
	if got := nextStatus(); got != `"SERVING"` {
		t.Errorf("the first status is %s", got)
	}
	s.status.SetNotServing("")
	if got := nextStatus(); got != `"NOT_SERVING"` {
		t.Errorf("the status after the change is %s", got)
	}
	s.status.SetServing("")
	if got := nextStatus(); got != `"SERVING"` {
		t.Errorf("the status after the next change is %s", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("the Watch call held the shutdown up: %v", err)
	}
	if got := nextStatus(); got != `"NOT_SERVING"` {
		t.Errorf("the last status is %s", got)
	}
	if got := nextStatus(); got != "" {
		t.Errorf("after the last status came %s", got)
	}
	if err := watch.Wait(); err == nil || !strings.Contains(complaint.String(), "Code: Unavailable") {
		t.Errorf("the Watch call ended with %v\n%s", err, complaint.String())
	}
}

// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

var charge = &farcall.Method{Path: "/shop.v1.Payments/Charge"}

func newHeads(t *testing.T) *wire.Heads {
	t.Helper()
	heads, err := wire.NewHeads("http", "payments:9090", "grpc-go-farcall/0.1")
	if err != nil {
		t.Fatal(err)
	}
	return heads
}

const chargeHead = `:method: POST
:scheme: http
:path: /shop.v1.Payments/Charge
:authority: payments:9090
content-type: application/grpc
te: trailers
user-agent: grpc-go-farcall/0.1
`

func TestFixedPartOfARequest(t *testing.T) {
	heads := newHeads(t)
	fixed, err := heads.Fixed(charge)
	if err != nil || lines(fixed.Fields) != chargeHead {
		t.Errorf("%v\n%s", err, lines(fixed.Fields))
	}
	if again, err := heads.Fixed(charge); again != fixed || err != nil {
		t.Errorf("a second call's head is another one, so the engine cannot remember its block: %v", err)
	}
	other, err := heads.Fixed(&farcall.Method{Path: "/shop.v1.Payments/Refund"})
	if err != nil || other == fixed {
		t.Errorf("two methods share a head: %v", err)
	}
	bare, err := wire.NewHeads("https", "", "")
	if err != nil {
		t.Fatal(err)
	}
	fixed, err = bare.Fixed(charge)
	if err != nil || lines(fixed.Fields) != ":method: POST\n:scheme: https\n:path: /shop.v1.Payments/Charge\ncontent-type: application/grpc\nte: trailers\n" {
		t.Errorf("%v\n%s", err, lines(fixed.Fields))
	}
}

func TestFixedPartIsOneForAllCallers(t *testing.T) {
	heads := newHeads(t)
	var callers sync.WaitGroup
	got := make([]*exchange.Fixed, 8)
	for i := range got {
		callers.Go(func() { got[i], _ = heads.Fixed(charge) })
	}
	callers.Wait()
	for _, fixed := range got {
		if fixed == nil || fixed != got[0] {
			t.Fatalf("callers got different heads: %p and %p", fixed, got[0])
		}
	}
}

// A program that makes up a method for each call must not fill the memory.
func TestFixedPartsAreBounded(t *testing.T) {
	heads := newHeads(t)
	made := make([]*farcall.Method, 2000)
	for i := range made {
		made[i] = &farcall.Method{Path: charge.Path}
		if _, err := heads.Fixed(made[i]); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := heads.Fixed(made[0])
	again, _ := heads.Fixed(made[0])
	last, _ := heads.Fixed(made[1999])
	anew, err := heads.Fixed(made[1999])
	if first != again || last == anew || err != nil || lines(anew.Fields) != chargeHead {
		t.Errorf("the first is remembered: %v, the last is: %v, %v", first == again, last == anew, err)
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	heads := newHeads(t)
	for _, path := range []string{"", "/", "shop.v1.Payments/Charge", "/a b", "/a\n", "/ä", "http://x/" + strings.Repeat("x", 500)} {
		_, err := heads.Fixed(&farcall.Method{Path: path})
		expectFailure(t, err, farcall.Internal, "/package.Service/Method")
	}
	_, err := wire.NewHeads("http", "two hosts", "")
	expectFailure(t, err, farcall.Internal, `"two hosts"`)
	_, err = wire.NewHeads("http", "ada@host", "")
	expectFailure(t, err, farcall.Internal, `"ada@host"`)
	_, err = wire.NewHeads("http", "h", "agent\n")
	expectFailure(t, err, farcall.Internal, "user agent")
	_, err = wire.AppendRequest(nil, &wire.RequestFields{Metadata: farcall.NewMetadata("te", "x")})
	expectFailure(t, err, farcall.Internal, `"te"`)
}

func TestVaryingPartOfARequest(t *testing.T) {
	got, err := wire.AppendRequest(nil, &wire.RequestFields{})
	if got != nil || err != nil {
		t.Errorf("nothing varies, but: %v, %v", got, err)
	}
	got, err = wire.AppendRequest(nil, &wire.RequestFields{
		Timeout: 1500 * time.Millisecond, HasTimeout: true, Encoding: "gzip", StepTimes: true, Metadata: farcall.NewMetadata("tenant", "blue"),
	})
	want := "grpc-timeout: 1500000u\ngrpc-encoding: gzip\nfarcall-step-times: 1\ntenant: blue\n"
	if lines(got) != want || err != nil {
		t.Errorf("%v\n%s", err, lines(got))
	}
}

// Brought to the other end, a request says what it said.
func TestRequestComesAcross(t *testing.T) {
	fixed, err := newHeads(t).Fixed(charge)
	if err != nil {
		t.Fatal(err)
	}
	varying, err := wire.AppendRequest(nil, &wire.RequestFields{
		Timeout: 1500 * time.Millisecond, HasTimeout: true, Encoding: "gzip", StepTimes: true,
		Metadata: farcall.NewMetadata("tenant", "blue", "key-bin", "\x00\xff"),
	})
	if err != nil {
		t.Fatal(err)
	}
	// The engine may remember any leading part of the fields.
	all := append(append([]exchange.Field(nil), fixed.Fields...), varying...)
	for n := range len(all) + 1 {
		run := &exchange.Fixed{Fields: all[:n]}
		for range 2 { // first noted, then remembered
			var got wire.Request
			if err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: all[n:]}, &got); err != nil {
				t.Fatalf("with %d fields remembered: %v", n, err)
			}
			if got.Path != charge.Path || got.Authority != "payments:9090" || got.Subtype != "" || !got.HasTimeout ||
				got.Timeout != 1500*time.Millisecond || got.Encoding != "gzip" || !got.StepTimes {
				t.Errorf("with %d fields remembered: %+v", n, got)
			}
			if want := ":authority=payments:9090 user-agent=grpc-go-farcall/0.1 tenant=blue key-bin=\x00\xff"; text(got.Metadata) != want {
				t.Errorf("with %d fields remembered: metadata %q", n, text(got.Metadata))
			}
		}
	}
	var got wire.Request
	if err := wire.ParseRequest(exchange.Head{Fields: all}, &got); err != nil || got.Path != charge.Path {
		t.Errorf("with nothing remembered: %v", err)
	}
}

// parse reads a head of which the first block is the fixed run.
func parse(run, rest string) (*wire.Request, error) {
	head := exchange.Head{Fields: fields(rest)}
	if run != "" {
		head.Fixed = &exchange.Fixed{Fields: fields(run)}
	}
	request := &wire.Request{Path: "/left/over", HasTimeout: true}
	return request, wire.ParseRequest(head, request)
}

const minimal = ":method: POST\n:scheme: http\n:path: /a/b\ncontent-type: application/grpc\n"

func TestParseRequest(t *testing.T) {
	for block, check := range map[string]func(*wire.Request) bool{
		minimal: func(r *wire.Request) bool {
			return r.Path == "/a/b" && !r.HasTimeout && r.Metadata.Len() == 0 && r.Encoding == "" && !r.StepTimes
		},
		minimal + "grpc-timeout: 0n\n":        func(r *wire.Request) bool { return r.HasTimeout && r.Timeout == 0 },
		minimal + "grpc-encoding: identity\n": func(r *wire.Request) bool { return r.Encoding == "" },
		minimal + "grpc-accept-encoding: gzip\ngrpc-accept-encoding: zstd,br\ngrpc-accept-encoding: \n": func(r *wire.Request) bool {
			return r.AcceptEncoding == "gzip,zstd,br"
		},
		minimal + "host: old:1\n": func(r *wire.Request) bool {
			return r.Authority == "old:1" && text(r.Metadata) == ":authority=old:1"
		},
		minimal + "host: old:1\n:authority: new:2\n": func(r *wire.Request) bool {
			return r.Authority == "new:2" && text(r.Metadata) == ":authority=new:2"
		},
		minimal + "cookie: a=1\nk: v\ncookie: b=2\ncookie: c=3\n": func(r *wire.Request) bool { return text(r.Metadata) == "k=v cookie=a=1; b=2; c=3" },
		minimal + "cookie: \xff\ncookie: \xff\n":                  func(r *wire.Request) bool { return r.Metadata.Len() == 0 },
		minimal + "user-agent: \xff\n":                            func(r *wire.Request) bool { return r.Metadata.Len() == 0 },
		minimal + "farcall-step-times: 2\n":                       func(r *wire.Request) bool { return !r.StepTimes },
		strings.Replace(minimal, "grpc\n", "grpc+proto\n", 1):     func(r *wire.Request) bool { return r.Subtype == "proto" },
	} {
		for _, run := range []string{"", block} {
			rest := block
			if run != "" {
				rest = ""
			}
			request, err := parse(run, rest)
			if err != nil || !check(request) {
				t.Errorf("%s%v\n%+v", block, err, request)
			}
		}
	}
}

func TestRequestsThatAreNotGRPCs(t *testing.T) {
	for _, block := range []string{
		"", ":method: GET\n:path: /v1/orders\n", strings.Replace(minimal, "/grpc", "/json", 1), strings.Replace(minimal, "/grpc", "/grpc-web+proto", 1),
		// What would be wrong in a gRPC request is not judged in others.
		":method: POST\n:path: /v1/orders\nhost: a\nhost: b\ngrpc-timeout: x\nkey-bin: !\n",
	} {
		if _, err := parse("", block); err != wire.ErrNotGRPC {
			t.Errorf("%s%v", block, err)
		}
	}
}

func TestMalformedRequestsAreRejected(t *testing.T) {
	for block, want := range map[string]struct {
		status string
		code   farcall.Code
		word   string
	}{
		minimal + "grpc-timeout: 1x\n":                     {"400", farcall.Internal, `"1x"`},
		minimal + "grpc-timeout: \ngrpc-timeout: 1S\n":     {"400", farcall.Internal, `""`},
		minimal + "key-bin: !\n":                           {"400", farcall.Internal, `"key-bin"`},
		minimal + "host: a\nhost: b\n":                     {"400", farcall.Internal, "host"},
		minimal + ":authority: a\n:authority: b\n":         {"400", farcall.Internal, ":authority"},
		strings.Replace(minimal, "POST", "GET", 1):         {"405", farcall.Internal, `"GET"`},
		strings.Replace(minimal, ":method: POST\n", "", 1): {"405", farcall.Internal, `""`},
	} {
		for _, split := range [][2]string{{"", block}, {block, ""}} {
			_, err := parse(split[0], split[1])
			var rejection *wire.Rejection
			if !errors.As(err, &rejection) || rejection.HTTPStatus != want.status {
				t.Errorf("%s%v, want a rejection with %s", block, err, want.status)
				continue
			}
			expectFailure(t, err, want.code, want.word)
			head := rejection.Head()
			if head.Fields[0] != (exchange.Field{Name: ":status", Value: want.status}) || head.Get("content-type") != "application/grpc" {
				t.Errorf("answered with\n%s", lines(head.Fields))
			}
			// The caller reads the same failure from it.
			answer, err := wire.ParseAnswer(head)
			if err == nil {
				_, err = answer.End(nil, true)
			}
			expectFailure(t, err, want.code, want.word)
		}
	}
}

func TestTheFirstFaultIsNamed(t *testing.T) {
	for _, split := range [][2]string{{"", minimal + "grpc-timeout: 1x\nkey-bin: !\n"}, {minimal + "grpc-timeout: 1x\n", "key-bin: !\n"}} {
		_, err := parse(split[0], split[1])
		expectFailure(t, err, farcall.Internal, `"1x"`)
	}
}

// Two calls of one remembered run have metadata that is shared until one changes it.
func TestRequestsOfOneRunDoNotDisturbEachOther(t *testing.T) {
	run := &exchange.Fixed{Fields: fields("user-agent: u\ntenant: blue\n" + minimal)}
	var one, two, three wire.Request
	if err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: fields("n: 1\n")}, &one); err != nil {
		t.Fatal(err)
	}
	if err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: fields("n: 2\n")}, &two); err != nil {
		t.Fatal(err)
	}
	one.Metadata.Add("added", "1")
	one.Metadata.Delete("tenant")
	two.Metadata.Set("tenant", "green")
	if err := wire.ParseRequest(exchange.Head{Fixed: run}, &three); err != nil {
		t.Fatal(err)
	}
	three.Metadata.Add("third", "1")
	if err := wire.ParseRequest(exchange.Head{Fixed: run}, &three); err != nil {
		t.Fatal(err)
	}
	for request, want := range map[*wire.Request]string{
		&one: "user-agent=u n=1 added=1", &two: "user-agent=u n=2 tenant=green", &three: "user-agent=u tenant=blue",
	} {
		if got := text(request.Metadata); got != want {
			t.Errorf("metadata %q, want %q", got, want)
		}
	}
}

func TestRouteIsRememberedWithTheRun(t *testing.T) {
	run := &exchange.Fixed{Fields: fields(minimal)}
	request := &wire.Request{}
	if err := wire.ParseRequest(exchange.Head{Fixed: run}, request); err != nil || request.Route() != nil {
		t.Fatalf("%v, route %v", err, request.Route())
	}
	request.SetRoute("here")
	again := &wire.Request{}
	if err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: fields("a: 1\n")}, again); err != nil || again.Route() != "here" {
		t.Errorf("%v, route %v", err, again.Route())
	}
	// A path outside the run must neither be noted with it nor get its route.
	short := &exchange.Fixed{Fields: fields(":method: POST\n:scheme: http\n")}
	for _, path := range []string{"/a/b", "/c/d"} {
		if err := wire.ParseRequest(exchange.Head{Fixed: short, Fields: fields(":path: " + path + "\ncontent-type: application/grpc\n")}, request); err != nil {
			t.Fatal(err)
		}
		if request.Route() != nil {
			t.Errorf("%s has the route %v", path, request.Route())
		}
		request.SetRoute(path)
	}
	if err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: fields(":path: /other\n")}, request); err != nil || request.Route() != nil {
		t.Errorf("%v, another path has the run's route %v", err, request.Route())
	}
	unknown := &wire.Request{}
	unknown.SetRoute("x")
	if unknown.Route() != nil {
		t.Error("a request without a run remembers a route")
	}
}

func TestRequestHotPathCostsNoAllocation(t *testing.T) {
	heads := newHeads(t)
	none := &wire.RequestFields{}
	if n := testing.AllocsPerRun(100, func() {
		fixed, err := heads.Fixed(charge)
		varying, err2 := wire.AppendRequest(nil, none)
		if fixed == nil || err != nil || varying != nil || err2 != nil {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("building a head: %v allocations", n)
	}
	scratch, timed := make([]exchange.Field, 0, 4), &wire.RequestFields{Timeout: time.Second, HasTimeout: true}
	if n := testing.AllocsPerRun(100, func() {
		if varying, err := wire.AppendRequest(scratch[:0], timed); len(varying) != 1 || err != nil {
			t.Fail()
		}
	}); n != 1 {
		t.Errorf("a timeout: %v allocations, its text is one", n)
	}
	run := &exchange.Fixed{Fields: fields(chargeHead)}
	var request wire.Request
	if err := wire.ParseRequest(exchange.Head{Fixed: run}, &request); err != nil {
		t.Fatal(err)
	}
	request.SetRoute(charge)
	run.Fields = nil // what is remembered must do without them
	deadline := fields("grpc-timeout: 1S\n")
	if n := testing.AllocsPerRun(100, func() {
		err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: deadline}, &request)
		if err != nil || request.Path != charge.Path || request.Route() != charge || request.Metadata.Len() != 2 || request.Timeout != time.Second {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("parsing a remembered head: %v allocations", n)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(chargeHead, 3)
	f.Add(minimal+"grpc-timeout: 1S\nkey-bin: QQ,Qg\nhost: h\n", 0)
	f.Add(minimal+":authority: a\nhost: b\nhost: c\n", 9)
	f.Add(minimal+"cookie: a=1\ngrpc-encoding: gzip\ncookie: b=2\nfarcall-step-times: 1\ngrpc-accept-encoding: gzip\n", 6)
	f.Fuzz(func(t *testing.T, block string, n int) {
		all := fields(block)
		n = max(0, min(n, len(all)))
		var split, whole, remembered wire.Request
		run := &exchange.Fixed{Fields: all[:n]}
		err := wire.ParseRequest(exchange.Head{Fixed: run, Fields: all[n:]}, &split)
		wholeErr := wire.ParseRequest(exchange.Head{Fields: all}, &whole)
		rememberedErr := wire.ParseRequest(exchange.Head{Fixed: run, Fields: all[n:]}, &remembered)
		for _, other := range []struct {
			request *wire.Request
			err     error
		}{{&whole, wholeErr}, {&remembered, rememberedErr}} {
			if (err == nil) != (other.err == nil) || err != nil && err.Error() != other.err.Error() {
				t.Fatalf("read in two parts: %v, otherwise: %v", err, other.err)
			}
			if split.Path != other.request.Path || split.Timeout != other.request.Timeout || split.Authority != other.request.Authority ||
				split.HasTimeout != other.request.HasTimeout || split.Subtype != other.request.Subtype ||
				split.Encoding != other.request.Encoding || split.StepTimes != other.request.StepTimes || split.AcceptEncoding != other.request.AcceptEncoding || text(split.Metadata) != text(other.request.Metadata) {
				t.Fatalf("read in two parts: %+v, otherwise: %+v", split, other.request)
			}
		}
		if rejection, ok := err.(*wire.Rejection); ok {
			for _, field := range rejection.Head().Fields {
				for _, c := range []byte(field.Value) {
					if c < 0x20 || c > 0x7e {
						t.Fatalf("the rejection has the field %+q", field.Value)
					}
				}
			}
		}
	})
}

func TestUnreadSubtype(t *testing.T) {
	rejection := wire.UnreadSubtype("thrift")
	if rejection.HTTPStatus != "200" || rejection.Failure.Code != farcall.Unimplemented || !strings.Contains(rejection.Error(), "application/grpc+thrift") {
		t.Errorf("%s, %v", rejection.HTTPStatus, rejection)
	}
}

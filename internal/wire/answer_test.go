// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

func TestHeadOfAnAnswer(t *testing.T) {
	for subtype, want := range map[string]string{
		"":      ":status: 200\ncontent-type: application/grpc\n",
		"proto": ":status: 200\ncontent-type: application/grpc+proto\n",
	} {
		head := wire.AnswerHead(subtype, "")
		if lines(head.Fixed.Fields) != want || head.Fields != nil {
			t.Errorf("%q is answered with\n%s", subtype, lines(head.Fixed.Fields))
		}
		if wire.AnswerHead(subtype, "").Fixed != head.Fixed {
			t.Error("a second answer's head is another one, so the engine cannot remember its block")
		}
	}
	got, err := wire.AppendAnswer(nil, farcall.NewMetadata("a", "1", "b-bin", "\xff"))
	if lines(got) != "a: 1\nb-bin: /w\n" || err != nil {
		t.Errorf("%v\n%s", err, lines(got))
	}
	_, err = wire.AppendAnswer(nil, farcall.NewMetadata("grpc-status", "0"))
	expectFailure(t, err, farcall.Internal, `"grpc-status"`)
}

// A handler may answer with the metadata it received.
func TestReceivedMetadataCanBeEchoed(t *testing.T) {
	request, err := parse("", minimal+":authority: a\nuser-agent: u\ntenant: blue\nodd: Gr\u00fc\u00dfe\n")
	if err != nil {
		t.Fatal(err)
	}
	if text(request.Metadata) != ":authority=a user-agent=u tenant=blue" {
		t.Errorf("received %q", text(request.Metadata))
	}
	header, err := wire.AppendAnswer(nil, request.Metadata)
	if lines(header) != "tenant: blue\n" || err != nil {
		t.Errorf("%v\n%s", err, lines(header))
	}
	trailers, err := wire.AppendTrailers(nil, nil, request.Metadata, nil)
	if lines(trailers) != "grpc-status: 0\ntenant: blue\n" || err != nil {
		t.Errorf("%v\n%s", err, lines(trailers))
	}
	if text(request.Metadata) != ":authority=a user-agent=u tenant=blue" {
		t.Errorf("sending changed it to %q", text(request.Metadata))
	}
}

func TestTrailers(t *testing.T) {
	failure := func(code farcall.Code, message string) *farcall.Error {
		return &farcall.Error{Code: code, Message: message}
	}
	times := []wire.StepTime{{farcall.StepReceiveRequest, 0, 91}}
	for want, test := range map[string]struct {
		failure *farcall.Error
		trailer farcall.Metadata
		times   []wire.StepTime
	}{
		"grpc-status: 0\n":                                              {},
		"grpc-status: 0\na: 1\n":                                        {trailer: farcall.NewMetadata("a", "1")},
		"grpc-status: 0\nfarcall-step-times: 6=0/91\n":                  {times: times},
		"grpc-status: 5\ngrpc-message: gr%C3%BCn\na: 1\n":               {failure: failure(farcall.NotFound, "grün"), trailer: farcall.NewMetadata("a", "1")},
		"grpc-status: 16\n":                                             {failure: failure(farcall.Unauthenticated, "")},
		"grpc-status: 2\ngrpc-message: CODE_42: odd\n":                  {failure: failure(42, "odd")}, // receivers would not know it
		"grpc-status: 5\ngrpc-message: x\nfarcall-step-times: 6=0/91\n": {failure: failure(farcall.NotFound, "x"), times: times},
		"grpc-status: 13\ngrpc-message: an error with code OK was returned: return nil for success\n": {failure: failure(farcall.OK, "fine")},
	} {
		got, err := wire.AppendTrailers(nil, test.failure, test.trailer, test.times)
		if lines(got) != want || err != nil {
			t.Errorf("%v\n%s\nwant\n%s", err, lines(got), want)
		}
		behind, err := wire.AppendTrailers(fields("x: y\n"), test.failure, test.trailer, test.times)
		if lines(behind) != "x: y\n"+want || err != nil {
			t.Errorf("%v\n%s", err, lines(behind))
		}
	}
	if plain, _ := wire.AppendTrailers(nil, nil, farcall.Metadata{}, nil); &plain[0] != &wire.OKTrailers[0] {
		t.Error("the usual trailers are built anew")
	}
	if lines(wire.OKTrailers) != "grpc-status: 0\n" {
		t.Errorf("OKTrailers were changed to\n%s", lines(wire.OKTrailers))
	}
}

// Trailers that must not be sent fail the call, and what is sent instead is in order.
func TestTrailersThatMustNotBeSent(t *testing.T) {
	for _, failure := range []*farcall.Error{nil, {Code: farcall.NotFound, Message: "gone"}} {
		got, err := wire.AppendTrailers(fields("x: y\n"), failure, farcall.NewMetadata("a", "1", "te", "2"), nil)
		expectFailure(t, err, farcall.Internal, `"te"`)
		if len(got) != 3 || got[0].Name != "x" || got[1] != (exchange.Field{Name: "grpc-status", Value: "13"}) || !strings.Contains(got[2].Value, `"te"`) {
			t.Errorf("sent\n%s", lines(got))
		}
	}
}

// outcome reads a whole answer.
func outcome(head, trailers string, bodyEmpty bool) (wire.Answer, wire.End, error) {
	answer, err := wire.ParseAnswer(exchange.Head{Fixed: &exchange.Fixed{}, Fields: fields(head)})
	if err == nil {
		err = answer.CheckSubtype("")
	}
	if err != nil {
		return answer, wire.End{}, err
	}
	end, err := answer.End(fields(trailers), bodyEmpty)
	return answer, end, err
}

const answerHead = ":status: 200\ncontent-type: application/grpc\n"

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name           string
		head, trailers string
		bodyEmpty      bool
		header, ended  string
		code           farcall.Code
		message        string
	}{
		{name: "OK", head: answerHead, trailers: "grpc-status: 0\n"},
		{name: "OK with an empty message", head: answerHead, trailers: "grpc-status: 0\ngrpc-message: \n"},
		{name: "OK, a message is nothing then", head: answerHead, trailers: "grpc-status: 0\ngrpc-message: fine\n"},
		{name: "OK, written oddly", head: answerHead, trailers: "grpc-status: 00\n"},
		{name: "metadata", head: answerHead + "h: 1\nh: 2\n", trailers: "t: 3\ngrpc-status: 0\nt-bin: QQ==\n", header: "h=1 h=2", ended: "t=3 t-bin=A"},
		{name: "a failure", head: answerHead + "h: 1\n", trailers: "grpc-status: 5\ngrpc-message: gr%C3%BCn\nt: 3\n", header: "h=1", ended: "t=3", code: farcall.NotFound, message: "grün"},
		{name: "the proto subtype", head: ":status: 200\ncontent-type: application/grpc+proto\n", trailers: "grpc-status: 0\n"},
		{name: "Trailers-Only", head: answerHead + "t: 3\ngrpc-status: 5\ngrpc-message: gone\n", bodyEmpty: true, ended: "t=3", code: farcall.NotFound, message: "gone"},
		{name: "Trailers-Only and OK", head: answerHead + "grpc-status: 0\n", bodyEmpty: true},
		{name: "Trailers-Only with another HTTP status", head: ":status: 400\ncontent-type: application/grpc\ngrpc-status: 3\ngrpc-message: bad\n", bodyEmpty: true, code: farcall.InvalidArgument, message: "bad"},
		{name: "a status in the head counts for nothing before trailers", head: answerHead + "grpc-status: 8\n", trailers: "foo: bar\ngrpc-status: 9\n", bodyEmpty: true, ended: "foo=bar", code: farcall.FailedPrecondition},
		{name: "a status in the head counts for nothing before a body", head: answerHead + "grpc-status: 0\n", code: farcall.Internal, message: "the answer ended without trailers, so whether the call succeeded is not known: does a proxy in between drop trailers?"},
		{name: "no trailers", head: answerHead, code: farcall.Internal, message: "the answer ended without trailers, so whether the call succeeded is not known: does a proxy in between drop trailers?"},
		{name: "trailers without a status", head: answerHead, trailers: "grpc-message: error\nt: 3\n", ended: "t=3", code: farcall.Unknown, message: "the answer's trailers have no grpc-status, so whether the call succeeded is not known"},
		{name: "a status that is none", head: answerHead, trailers: "grpc-status: x1\ngrpc-message: gr%C3%BCn\n", code: farcall.Unknown, message: `the server sent grpc-status "x1", which is not a code of gRPC, with the message "grün"`},
		{name: "a status out of range", head: answerHead, trailers: "grpc-status: 17\n", code: farcall.Unknown, message: `the server sent grpc-status "17", which is not a code of gRPC, with the message ""`},
		{name: "a negative status", head: answerHead, trailers: "grpc-status: -1\n", code: farcall.Unknown, message: `the server sent grpc-status "-1", which is not a code of gRPC, with the message ""`},
		{name: "malformed trailer and OK", head: answerHead, trailers: "grpc-status: 0\nt-bin: !\nt: 3\n", ended: "t=3", code: farcall.Internal, message: `the value "!" of metadata key "t-bin" is malformed: keys that end in -bin carry base64`},
		{name: "malformed trailer and a failure, which stays", head: answerHead, trailers: "grpc-status: 5\nt-bin: !\n", code: farcall.NotFound},
		{name: "malformed header", head: answerHead + "h-bin: !\n", trailers: "grpc-status: 0\n", code: farcall.Internal, message: `the value "!" of metadata key "h-bin" is malformed: keys that end in -bin carry base64`},
		{name: "another encoding of messages", head: ":status: 200\ncontent-type: application/grpc+json\n", trailers: "grpc-status: 0\n", code: farcall.Internal, message: "the server answered in application/grpc+json, application/grpc+proto was asked for"},
		{name: "not gRPC, in spite of a status in the head", head: ":status: 200\ncontent-type: text/html\ngrpc-status: 0\n", code: farcall.Unknown, message: "the server answered 200 text/html, not gRPC: is this a gRPC port? It looks like a web site"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, end, err := outcome(test.head, test.trailers, test.bodyEmpty)
			if text(answer.Header) != test.header || text(end.Trailer) != test.ended {
				t.Errorf("header %q, trailer %q; want %q and %q", text(answer.Header), text(end.Trailer), test.header, test.ended)
			}
			if farcall.CodeOf(err) != test.code || err != nil && farcall.AsError(err).Message != test.message {
				t.Errorf("outcome %v; want %v: %s", err, test.code, test.message)
			}
		})
	}
}

func TestEncodingAndStepTimesOfAnAnswer(t *testing.T) {
	answer, end, err := outcome(answerHead+"grpc-encoding: gzip\n", "grpc-status: 0\nfarcall-step-times: 6=0/1\n", false)
	if answer.Encoding != "gzip" || end.StepTimes != "6=0/1" || err != nil {
		t.Errorf("%+v, %+v, %v", answer, end, err)
	}
	answer, _, _ = outcome(answerHead+"grpc-encoding: identity\n", "grpc-status: 0\n", false)
	if answer.Encoding != "" {
		t.Errorf("identity is no encoding, but %q", answer.Encoding)
	}
}

// The HTTP status decides where there is no grpc-status, and the message says what is likely wrong.
func TestAnswersThatAreNotGRPCs(t *testing.T) {
	for head, want := range map[string]struct {
		code  farcall.Code
		words string // separated by |
	}{
		":status: 404\ncontent-type: text/html; charset=utf-8\n":   {farcall.Unimplemented, "404 text/html|is this a gRPC port?"},
		":status: 200\ncontent-type: text/html\n":                  {farcall.Unknown, "200 text/html|is this a gRPC port?"},
		":status: 404\ncontent-type: application/json\n":           {farcall.Unimplemented, "is this the REST port?"},
		":status: 200\ncontent-type: Application/JSON; x=y\n":      {farcall.Unknown, "is this the REST port?"},
		":status: 200\ncontent-type: application/grpc-web+proto\n": {farcall.Unknown, "gRPC-Web"},
		":status: 200\ncontent-type: image/jpeg\n":                 {farcall.Unknown, "image/jpeg|is this a gRPC port?"},
		":status: 200\n": {farcall.Unknown, "200 without a content type"},
		":status: 400\n": {farcall.Internal, "400"},
		":status: 401\n": {farcall.Unauthenticated, "credentials"},
		":status: 403\n": {farcall.PermissionDenied, "credentials"},
		":status: 409\n": {farcall.Unknown, "409"},
		":status: 412\n": {farcall.Unknown, "412"},
		":status: 413\n": {farcall.Unknown, "413"},
		":status: 415\n": {farcall.Unknown, "415"},
		":status: 418\n": {farcall.Unknown, "418"},
		":status: 429\n": {farcall.Unavailable, "rate"},
		":status: 431\n": {farcall.Unknown, "metadata too large"},
		":status: 500\n": {farcall.Unknown, "500"},
		":status: 502\ncontent-type: text/html\n": {farcall.Unavailable, "proxy"},
		":status: 503\n":                                 {farcall.Unavailable, "proxy"},
		":status: 504\n":                                 {farcall.Unavailable, "proxy"},
		":status: 302\nlocation: /login\n":               {farcall.Unknown, "redirects"},
		":status: 800\n":                                 {farcall.Unknown, "800"},
		":status: 503\ncontent-type: application/grpc\n": {farcall.Unavailable, "503 application/grpc"},
		":status: 2OO\n":                                 {farcall.Internal, `"2OO"`},
		":status: 20\n":                                  {farcall.Internal, `"20"`},
		"":                                               {farcall.Internal, `:status ""`},
		":status: 200\ncontent-type: \xff\n":             {farcall.Unknown, `"\xff"`},
		":status: 200\ncontent-type: " + strings.Repeat("x", 9999) + "\n": {farcall.Unknown, "xxx…"},
	} {
		_, _, err := outcome(head, "", true)
		expectFailure(t, err, want.code, strings.Split(want.words, "|")...)
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
}

func TestStatusDetailsComeAcross(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "CARD_DECLINED", Domain: "shop"}
	sent := farcall.AsError(farcall.NewError(farcall.FailedPrecondition, "grün 100%", info, &errdetails.RetryInfo{}))
	trailers, err := wire.AppendTrailers(nil, sent, farcall.Metadata{}, nil)
	if err != nil || len(trailers) != 3 {
		t.Fatalf("%v\n%s", err, lines(trailers))
	}
	_, end, err := outcome(answerHead, lines(trailers), false)
	got := farcall.AsError(err)
	if got.Code != sent.Code || got.Message != sent.Message || len(got.Details) != 2 || end.Trailer.Len() != 0 {
		t.Errorf("%v became %v with %d details and the trailer %q", sent, got, len(got.Details), text(end.Trailer))
	}
	if detail, ok := farcall.Detail[*errdetails.ErrorInfo](err); !ok || !proto.Equal(detail, info) {
		t.Errorf("the detail became %v", detail)
	}
}

// Details are an extra: whatever is wrong with them, code and message stand.
func TestDetailsThatCannotBeRead(t *testing.T) {
	const details = "grpc-status-details-bin: "
	for name, block := range map[string]string{
		"not base64":           details + "!\n",
		"not a Status":         details + "/w\n",
		"another code":         details + "CAUSBW90aGVy\n", // code 5, "other"
		"empty":                details + "\n",
		"twice":                details + "CAkSAmhp\n" + details + "CAkSAmhp\n",
		"several in one field": details + "CAkSAmhp,CAkSAmhp\n",
	} {
		_, _, err := outcome(answerHead, "grpc-status: 9\ngrpc-message: in the header\n"+block, false)
		if got := farcall.AsError(err); got.Code != farcall.FailedPrecondition || got.Message != "in the header" || len(got.Details) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A Status in order says the message as well, unshortened.
	_, _, err := outcome(answerHead, "grpc-status: 9\ngrpc-message: short\n"+details+"CAkSAmhp\n", false)
	if err == nil || err.Error() != "FAILED_PRECONDITION: hi" {
		t.Errorf("%v", err)
	}
	// Nor can details turn success into failure.
	if _, _, err := outcome(answerHead, "grpc-status: 0\n"+details+"CAkSAmhp\n", false); err != nil {
		t.Errorf("OK with details became %v", err)
	}
}

func TestDetailsThatCannotBeSent(t *testing.T) {
	failure := &farcall.Error{Code: farcall.Aborted, Message: "busy \xff", Details: []*anypb.Any{{TypeUrl: "\xff"}}}
	trailers, err := wire.AppendTrailers(nil, failure, farcall.Metadata{}, nil)
	if err != nil || len(trailers) != 2 || trailers[0].Value != "10" || !strings.Contains(trailers[1].Value, "details could not be encoded") {
		t.Errorf("%v\n%s", err, lines(trailers))
	}
	failure.Details = []*anypb.Any{{TypeUrl: "t/x"}}
	trailers, err = wire.AppendTrailers(nil, failure, farcall.Metadata{}, nil)
	if err != nil || len(trailers) != 3 {
		t.Fatalf("%v\n%s", err, lines(trailers))
	}
	_, _, outcomeErr := outcome(answerHead, lines(trailers), false)
	if got := farcall.AsError(outcomeErr); got.Message != "busy \uFFFD" || len(got.Details) != 1 {
		t.Errorf("a message that is not UTF-8 became %q with %d details", got.Message, len(got.Details))
	}
}

func TestAnswerHotPathCostsNoAllocation(t *testing.T) {
	head := wire.AnswerHead("", "")
	if n := testing.AllocsPerRun(100, func() {
		trailers, err := wire.AppendTrailers(nil, nil, farcall.Metadata{}, nil)
		if err != nil {
			t.Fail()
		}
		answer, err := wire.ParseAnswer(head)
		if err != nil {
			t.Fail()
		}
		if end, err := answer.End(trailers, false); err != nil || end.Trailer.Len() != 0 {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answerHead, "grpc-status: 0\n", false)
	f.Add(answerHead+"grpc-status: 5\ngrpc-message: %41\n", "", true)
	f.Add(":status: 404\ncontent-type: text/html\n", "", false)
	f.Add(answerHead, "grpc-status: 9\ngrpc-status-details-bin: CAkSAmhp\nk-bin: QQ,Qg\n", false)
	f.Fuzz(func(t *testing.T, head, trailers string, bodyEmpty bool) {
		answer, end, err := outcome(head, trailers, bodyEmpty)
		if err == nil && !strings.Contains(head+trailers, "grpc-status") {
			t.Errorf("success without a status")
		}
		if err == nil {
			return
		}
		// Whatever failed can be sent on, and arrives as it is.
		failure := farcall.AsError(err)
		sent, sendErr := wire.AppendTrailers(nil, failure, answer.Header.Join(end.Trailer), nil)
		if sendErr != nil {
			t.Fatalf("%v cannot be sent: %v", err, sendErr)
		}
		_, _, again := outcome(answerHead, lines(sent), false)
		if got := fmt.Sprint(again); got != strings.ToValidUTF8(err.Error(), "\uFFFD") {
			t.Errorf("%q became %q", err, got)
		}
	})
}

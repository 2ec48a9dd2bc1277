// SPDX-License-Identifier: Apache-2.0

package farcall_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
)

var nilError *farcall.Error

// Every way to say how a call failed, and the code it has at the boundary.
var boundary = []struct {
	name    string
	err     error
	code    farcall.Code
	message string
}{
	{"an *Error", farcall.Errorf(farcall.NotFound, "no order %d", 7), farcall.NotFound, "no order 7"},
	{"a bare code", farcall.PermissionDenied, farcall.PermissionDenied, ""},
	{"a wrapped code", fmt.Errorf("charging: %w", farcall.Aborted), farcall.Aborted, "charging: ABORTED"},
	{"a wrapped *Error", fmt.Errorf("charging: %w", farcall.Errorf(farcall.Aborted, "busy")), farcall.Aborted, "charging: ABORTED: busy"},
	{"joined", errors.Join(io.EOF, farcall.Errorf(farcall.DataLoss, "torn")), farcall.DataLoss, "EOF\nDATA_LOSS: torn"},
	{"two wrapped, the first is outermost", fmt.Errorf("%w, %w", farcall.OutOfRange, farcall.Aborted), farcall.OutOfRange, "OUT_OF_RANGE, ABORTED"},
	{"a code around a code", farcall.Errorf(farcall.NotFound, "gone: %w", farcall.Aborted), farcall.NotFound, "gone: ABORTED"},
	{"a code beside a context's end", errors.Join(context.Canceled, farcall.NotFound), farcall.NotFound, "context canceled\nNOT_FOUND"},
	{"context.Canceled", context.Canceled, farcall.Canceled, "context canceled"},
	{"context.DeadlineExceeded", context.DeadlineExceeded, farcall.DeadlineExceeded, "context deadline exceeded"},
	{"context.Canceled, wrapped", fmt.Errorf("db: %w", context.Canceled), farcall.Canceled, "db: context canceled"},
	{"context.DeadlineExceeded, joined", errors.Join(io.EOF, context.DeadlineExceeded), farcall.DeadlineExceeded, "EOF\ncontext deadline exceeded"},
	{"foreign", io.ErrUnexpectedEOF, farcall.Unknown, "unexpected EOF"},
	{"OK as an *Error", &farcall.Error{}, farcall.Internal, "an error with code OK was returned: return nil for success"},
	{"OK as a code", farcall.OK, farcall.Internal, "farcall.OK was returned as an error: return nil for success"},
	{"OK, wrapped", fmt.Errorf("fine: %w", farcall.OK), farcall.Internal, "fine: OK"},
	{"a code that gRPC does not have", farcall.Errorf(farcall.Code(99), "odd"), farcall.Unknown, "CODE_99: odd"},
	{"such a code, bare", farcall.Code(17), farcall.Unknown, "CODE_17"},
	{"such a code, wrapped", fmt.Errorf("odd: %w", farcall.Code(17)), farcall.Unknown, "odd: CODE_17"},
	{"a nil *Error", nilError, farcall.Internal, "a nil *farcall.Error was returned as an error: return a plain nil for success"},
}

func TestErrorsAtTheBoundary(t *testing.T) {
	for _, test := range boundary {
		t.Run(test.name, func(t *testing.T) {
			got := farcall.AsError(test.err)
			if got.Code != test.code || got.Message != test.message {
				t.Errorf("AsError = %v, message %q; want %v, %q", got.Code, got.Message, test.code, test.message)
			}
			if code := farcall.CodeOf(test.err); code != test.code {
				t.Errorf("CodeOf = %v, want %v", code, test.code)
			}
			if !errors.Is(got, test.code) {
				t.Errorf("errors.Is(%v, %v) is false", got, test.code)
			}
			if test.err != error(nilError) && !errors.Is(got, test.err) {
				t.Errorf("the original error cannot be reached from %v", got)
			}
			if again := farcall.AsError(got); again != got {
				t.Errorf("a second AsError made another error: %v", again)
			}
		})
	}
	if farcall.AsError(nil) != nil || farcall.CodeOf(nil) != farcall.OK {
		t.Error("nil is not OK")
	}
}

// Where a user wraps a coded error in another code, the outermost crosses the wire and errors.Is finds both here.
func TestBothCodesAreFound(t *testing.T) {
	err := farcall.Errorf(farcall.Unavailable, "payments: %w", farcall.Errorf(farcall.NotFound, "no card"))
	if !errors.Is(err, farcall.Unavailable) || !errors.Is(err, farcall.NotFound) {
		t.Errorf("errors.Is does not find both codes of %v", err)
	}
	if farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("CodeOf = %v, the outermost is UNAVAILABLE", farcall.CodeOf(err))
	}
	several := farcall.Errorf(farcall.Aborted, "%w and %w", io.EOF, io.ErrClosedPipe)
	if !errors.Is(several, io.EOF) || !errors.Is(several, io.ErrClosedPipe) {
		t.Errorf("errors.Is does not find both causes of %v", several)
	}
}

// A DEADLINE_EXCEEDED that came over the wire matches the code alone; so does one whose cause was left behind.
func TestCausesStayOnTheirSide(t *testing.T) {
	local := farcall.AsError(context.DeadlineExceeded)
	if !errors.Is(local, context.DeadlineExceeded) {
		t.Error("the own context's end cannot be found")
	}
	remote := local.WithoutCause()
	if errors.Is(remote, context.DeadlineExceeded) || !errors.Is(remote, farcall.DeadlineExceeded) {
		t.Errorf("%v without its cause must match its code and nothing else", remote)
	}
	if remote.Code != local.Code || remote.Message != local.Message {
		t.Errorf("WithoutCause changed %v to %v", local, remote)
	}
	if plain := (&farcall.Error{Code: farcall.Aborted}); plain.WithoutCause() != plain {
		t.Error("WithoutCause copied an error that has no cause")
	}
}

func TestNilErrorInAChain(t *testing.T) {
	err := errors.Join(nilError, io.EOF)
	if errors.Is(err, farcall.OK) || errors.Is(err, context.Canceled) || !errors.Is(err, io.EOF) {
		t.Error("errors.Is misjudges a chain with a nil *farcall.Error in it")
	}
	if code := farcall.CodeOf(err); code != farcall.Unknown {
		t.Errorf("CodeOf = %v", code)
	}
	if _, ok := farcall.Detail[*errdetails.ErrorInfo](err); ok {
		t.Error("found a detail in a nil *farcall.Error")
	}
}

func TestErrorText(t *testing.T) {
	for want, err := range map[string]error{
		"NOT_FOUND: no order 7": farcall.Errorf(farcall.NotFound, "no order %d", 7),
		"NOT_FOUND":             &farcall.Error{Code: farcall.NotFound},
		"CODE_42: odd":          &farcall.Error{Code: 42, Message: "odd"},
	} {
		if err.Error() != want {
			t.Errorf("Error() = %q, want %q", err.Error(), want)
		}
	}
}

func TestDetails(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "CARD_DECLINED", Domain: "shop"}
	retry := &errdetails.RetryInfo{}
	err := farcall.NewError(farcall.FailedPrecondition, "declined", info, retry)
	for _, err := range []error{err, fmt.Errorf("charging: %w", err), farcall.AsError(fmt.Errorf("charging: %w", err)), farcall.AsError(err).WithoutCause()} {
		got, ok := farcall.Detail[*errdetails.ErrorInfo](err)
		if !ok || !proto.Equal(got, info) {
			t.Errorf("Detail of %v = %v, %v", err, got, ok)
		}
		if _, ok := farcall.Detail[*errdetails.RetryInfo](err); !ok {
			t.Errorf("the second detail of %v is not found", err)
		}
		if _, ok := farcall.Detail[*errdetails.BadRequest](err); ok {
			t.Errorf("found a detail in %v that is not there", err)
		}
	}
	if _, ok := farcall.Detail[*errdetails.ErrorInfo](io.EOF); ok {
		t.Error("found a detail in io.EOF")
	}
	if _, ok := farcall.Detail[*errdetails.ErrorInfo](nil); ok {
		t.Error("found a detail in nil")
	}
	if _, ok := farcall.Detail[proto.Message](err); ok {
		t.Error("a detail of no type was found")
	}
}

func TestDetailThatIsTorn(t *testing.T) {
	torn, err := anypb.New(&errdetails.ErrorInfo{Reason: "X"})
	if err != nil {
		t.Fatal(err)
	}
	torn.Value = []byte{0xff}
	whole, err := anypb.New(&errdetails.ErrorInfo{Reason: "WHOLE"})
	if err != nil {
		t.Fatal(err)
	}
	failure := &farcall.Error{Code: farcall.Aborted, Details: []*anypb.Any{nil, torn, whole}}
	if got, ok := farcall.Detail[*errdetails.ErrorInfo](failure); !ok || got.Reason != "WHOLE" {
		t.Errorf("Detail = %v, %v", got, ok)
	}
}

func TestDetailThatCannotBePacked(t *testing.T) {
	err := farcall.NewError(farcall.Aborted, "busy", &errdetails.ErrorInfo{Reason: "not UTF-8: \xff"}, &errdetails.RetryInfo{})
	if !strings.Contains(err.Error(), "a detail could not be packed") {
		t.Errorf("%q does not say that a detail was left out", err)
	}
	if _, ok := farcall.Detail[*errdetails.RetryInfo](err); !ok {
		t.Error("the good detail was lost with the bad one")
	}
}

func TestCodeOfCostsNoAllocation(t *testing.T) {
	err := farcall.Errorf(farcall.NotFound, "no order")
	if n := testing.AllocsPerRun(100, func() {
		if farcall.CodeOf(err) != farcall.NotFound || farcall.CodeOf(nil) != farcall.OK || farcall.AsError(err) == nil {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

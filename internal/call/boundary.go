// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/farcall/farcall"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Outcome returns err as it leaves the library: nil, or an *Error.
func Outcome(err error) error {
	if err == nil {
		return nil // a nil *Error in an error would not be nil
	}
	return farcall.AsError(err)
}

// Logger is what a *slog.Logger has. To call more of it is to link slog's handlers, and encoding/json with them.
type Logger interface {
	Log(ctx context.Context, level slog.Level, message string, fields ...any)
}

// Guard runs handler. A panic becomes INTERNAL: what was panicked with stays in this process, in the log with its stack,
// since it may hold anything.
func Guard(ctx context.Context, stream farcall.Stream, handler farcall.Handler, logger Logger) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			logger.Log(ctx, slog.LevelError, "panic in handler",
				"method", stream.Method().String(), "panic", cause, "stack", string(debug.Stack()))
			err = farcall.Errorf(farcall.Internal, "panic in handler of %s", stream.Method())
		}
	}()
	return handler(ctx, stream)
}

// ContextEnded returns the error of a call whose own context has ended, and nil as long as it has not. Only this error
// wraps the context's, so that errors.Is(err, context.DeadlineExceeded) is true for a caller's own deadline alone.
// when says how far the call was: "before it was sent".
func ContextEnded(ctx context.Context, method *farcall.Method, when string) error {
	ended := ctx.Err()
	if ended == nil {
		return nil
	}
	code, what := farcall.Canceled, "the caller gave up"
	if errors.Is(ended, context.DeadlineExceeded) {
		code, what = farcall.DeadlineExceeded, "the caller's deadline passed"
	}
	if cause := context.Cause(ctx); cause != ended {
		return farcall.Errorf(code, "%s: %s %s: %w (%w)", method, what, when, ended, cause)
	}
	return farcall.Errorf(code, "%s: %s %s: %w", method, what, when, ended)
}

// Returned returns the outcome that came from the other end, unless it merely says what has happened at this one: that
// ctx was cancelled or its deadline passed. The other end may notice that a moment earlier than the timer behind ctx.
func Returned(ctx context.Context, method *farcall.Method, outcome error) error {
	remote, ok := outcome.(*farcall.Error)
	if !ok || remote.Code != farcall.Canceled && remote.Code != farcall.DeadlineExceeded {
		return outcome
	}
	if err := ContextEnded(ctx, method, "while it was running"); err != nil {
		return err
	}
	if remote.Code == farcall.Canceled || !Overdue(ctx) {
		return outcome
	}
	passed := farcall.AsError(farcall.Errorf(remote.Code, "%s%w", beforeCause(remote.Message), context.DeadlineExceeded))
	passed.Details = remote.Details
	return passed
}

// Overdue reports whether ctx's deadline has passed, whether the timer behind ctx has fired or not.
func Overdue(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// beforeCause returns a message for context.DeadlineExceeded to follow, which it may end in already.
func beforeCause(message string) string {
	if before, ends := strings.CutSuffix(message, context.DeadlineExceeded.Error()); ends {
		return before
	}
	return message + ": "
}

// Crossed returns err as it is after crossing a wire: code, message and details in memory of its own, no cause.
func Crossed(err error) *farcall.Error {
	near := farcall.AsError(err)
	if near == nil {
		return nil
	}
	far := &farcall.Error{Code: near.Code, Message: near.Message}
	for _, detail := range near.Details {
		far.Details = append(far.Details, proto.Clone(detail).(*anypb.Any))
	}
	return far
}

// CheckUnary returns an error for a method that Invoke cannot call.
func CheckUnary(method *farcall.Method) error {
	if method.Kind == farcall.KindUnary {
		return nil
	}
	return farcall.Errorf(farcall.Internal, "%s is a streaming method: Invoke makes unary calls", method)
}

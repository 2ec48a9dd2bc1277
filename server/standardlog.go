// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package server

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"strings"

	"github.com/farcall/farcall/internal/call"
)

// Logger is what a *slog.Logger has. A program that was built with the tag farcall_grpconly links slog, and encoding/json with
// it, if it uses it. Options without a Logger have package log's, whose output slog.SetDefault takes.
type Logger = call.Logger

func defaultLogger() Logger { return standardLog{} }

// standardLog writes as slog's own default does: by package log, from level INFO on.
type standardLog struct{}

func (standardLog) Log(_ context.Context, level slog.Level, message string, fields ...any) {
	if level < slog.LevelInfo {
		return
	}
	var line strings.Builder
	line.WriteString(level.String() + " " + message)
	for i := 0; i+1 < len(fields); i += 2 { // quoted, so that no value passes for another message
		value := fmt.Sprint(fields[i+1])
		if strings.ContainsAny(value, " =\"") || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&line, " %v=%s", fields[i], value)
	}
	log.Print(line.String())
}

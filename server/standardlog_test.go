// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package server

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"testing"
)

func TestStandardLog(t *testing.T) {
	var written bytes.Buffer
	before, flags := log.Writer(), log.Flags()
	defer func() { log.SetOutput(before); log.SetFlags(flags) }()
	log.SetOutput(&written)
	log.SetFlags(0)
	logger := New(Options{}).logger
	logger.Log(context.Background(), slog.LevelDebug, "not of interest")
	logger.Log(context.Background(), slog.LevelError, "panic in handler", "method", "a.B/C", "panic", errors.New("one\ntwo=2"), "empty", "")
	if got, want := written.String(), "ERROR panic in handler method=a.B/C panic=\"one\\ntwo=2\" empty=\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	written.Reset()
	own := slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug}))
	New(Options{Logger: own}).logger.Log(context.Background(), slog.LevelDebug, "mine")
	if !bytes.Contains(written.Bytes(), []byte("msg=mine")) {
		t.Errorf("a logger of one's own is told %q", written.String())
	}
}

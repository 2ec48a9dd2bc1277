// SPDX-License-Identifier: Apache-2.0

// Package certificate is a certificate and its key in two files, read again when they have changed.
package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// interval is how often the files are looked at, at most.
const interval = time.Second

// settled is the age from which on a change of a file shows in its modification time, whatever the file system's clock.
const settled = 2 * time.Second

// Files is the pair in two PEM files. It is safe for concurrent use.
//
// Whoever replaces the files cannot replace both at once, so a pair that does not fit is one that is being replaced: the
// old one serves on.
type Files struct {
	certificate, key string
	clock            func() time.Time
	logger           func() Logger

	current atomic.Pointer[tls.Certificate]
	next    atomic.Int64 // nanoseconds of the Unix epoch from which on the files are looked at again

	mu       sync.Mutex // held while looking at the files; guards what follows
	seen     stamps     // of the files as they were read last, whether they were of use or not
	readAt   time.Time  // when that was
	failures int        // looks in a row that found them of no use
}

// Logger is what a *slog.Logger has. To call more of it is to link slog's handlers, and encoding/json with them.
type Logger interface {
	Log(ctx context.Context, level slog.Level, message string, fields ...any)
}

// Open reads the files. logger returns who is told of files that are of no use later.
func Open(certificate, key string, logger func() Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, clock: time.Now, logger: logger}
	if err := f.load(); err != nil {
		return nil, err
	}
	f.next.Store(f.clock().Add(interval).UnixNano())
	return f, nil
}

// Current returns the pair, after a look at the files if the last one was a second ago. One caller looks; the others take
// what there is.
func (f *Files) Current() *tls.Certificate {
	if f.clock().UnixNano() >= f.next.Load() && f.mu.TryLock() {
		f.look()
		f.mu.Unlock()
	}
	return f.current.Load()
}

// look reads the files again if they have changed, with mu held.
func (f *Files) look() {
	f.next.Store(f.clock().Add(interval).UnixNano())
	stamped, err := f.stamp()
	if err == nil && stamped.same(f.seen) && stamped.settled(f.readAt) && f.failures == 0 {
		return
	}
	if err == nil {
		err = f.load()
	}
	if err == nil {
		if f.failures > 1 {
			f.logger().Log(context.Background(), slog.LevelInfo, "the certificate is in order again", "certificate", f.certificate)
		}
		f.failures = 0
		return
	}
	if f.failures++; f.failures == 2 { // the first time, somebody may be between the two files
		f.logger().Log(context.Background(), slog.LevelError, "the certificate cannot be read again; the old one stays in use",
			"certificate", f.certificate, "key", f.key, "error", err)
	}
}

// load reads the pair, with mu held or before anybody else knows f.
func (f *Files) load() error {
	f.readAt = f.clock()
	before, err := f.stamp()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return fmt.Errorf("the certificate %s with the key %s: %w", f.certificate, f.key, err)
	}
	after, err := f.stamp()
	if err != nil {
		return err
	}
	if !before.same(after) {
		return errChanging
	}
	f.seen = after
	f.current.Store(&pair)
	return nil
}

var errChanging = errors.New("the files changed while they were read")

// stamps tell a file from its successor.
type stamps struct{ certificate, key os.FileInfo }

func (f *Files) stamp() (s stamps, err error) {
	if s.certificate, err = os.Stat(f.certificate); err != nil {
		return s, fmt.Errorf("cannot find the certificate: %w", err)
	}
	if s.key, err = os.Stat(f.key); err != nil {
		return s, fmt.Errorf("cannot find the certificate's key: %w", err)
	}
	return s, nil
}

func (s stamps) same(other stamps) bool {
	return sameFile(s.certificate, other.certificate) && sameFile(s.key, other.key)
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// settled reports whether no change after a reading can hide behind the stamps.
func (s stamps) settled(readAt time.Time) bool {
	return readAt.Sub(s.certificate.ModTime()) > settled && readAt.Sub(s.key.ModTime()) > settled
}

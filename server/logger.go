// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import "log/slog"

// Logger is that of package log/slog. With the build tag farcall_grpconly it is an interface that a *slog.Logger has, so that
// those alone link slog who use it.
type Logger = *slog.Logger

func defaultLogger() Logger { return slog.Default() }

// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import "crypto/tls"

// TLS is how a server speaks TLS: a *tls.Config. With the build tag farcall_grpconly it is what UseTLS returns, so that those
// alone link crypto/tls who use it.
type TLS = *tls.Config

// UseTLS returns config, and what Options.TLS takes in its place with the build tag farcall_grpconly. nil is plaintext.
func UseTLS(config *tls.Config) TLS { return config }

// newSecurer returns nil for plaintext.
func newSecurer(config TLS) securer {
	if config == nil {
		return nil
	}
	return newTLSServer(config)
}

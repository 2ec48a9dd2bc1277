// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/certificate"
)

// CertificateFiles returns what serves the certificate in two PEM files, for tls.Config.GetCertificate, and serves the new
// one once they have changed: nothing has to be started again.
//
//	certificate, err := server.CertificateFiles("tls.crt", "tls.key")
//	srv := server.New(server.Options{TLS: &tls.Config{GetCertificate: certificate}})
//
// Handshakes look at the files, at most once a second; connections that are there stay as they are. A pair that cannot be
// read, or does not fit because only one file has been replaced yet, is not taken: the old one stays in use, and
// slog.Default() is told if that is so at two looks in a row (package log with the build tag farcall_grpconly). The error is for files that are of no use to begin with.
func CertificateFiles(certificateFile, keyFile string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	files, err := certificate.Open(certificateFile, keyFile, func() certificate.Logger { return defaultLogger() })
	if err != nil {
		return nil, farcall.Errorf(farcall.FailedPrecondition, "%w", err)
	}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return files.Current(), nil }, nil
}

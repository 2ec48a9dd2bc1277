// SPDX-License-Identifier: Apache-2.0

package client

import (
	"crypto/tls"
	"log/slog"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/certificate"
)

// CertificateFiles returns what shows the certificate in two PEM files to servers that ask for one (mutual TLS), for
// tls.Config.GetClientCertificate, and shows the new one once they have changed: nothing has to be started again.
//
//	certificate, err := client.CertificateFiles("tls.crt", "tls.key")
//	conn, err := client.New("payments:9090", client.Options{TLS: &tls.Config{GetClientCertificate: certificate}})
//
// Handshakes look at the files, at most once a second; connections that are there stay as they are. A pair that cannot be
// read, or does not fit because only one file has been replaced yet, is not taken: the old one stays in use, and
// slog.Default() is told if that is so at two looks in a row. The error is for files that are of no use to begin with.
func CertificateFiles(certificateFile, keyFile string) (func(*tls.CertificateRequestInfo) (*tls.Certificate, error), error) {
	files, err := certificate.Open(certificateFile, keyFile, func() certificate.Logger { return slog.Default() })
	if err != nil {
		return nil, farcall.Errorf(farcall.FailedPrecondition, "%w", err)
	}
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return files.Current(), nil }, nil
}

// SPDX-License-Identifier: Apache-2.0

package connectrpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/farcall/farcall/conformance/suites/conformancepb"
	"github.com/farcall/farcall/server"
)

// runServer is the server under test: it reads what it should be, serves, and ends with SIGTERM.
func runServer(in io.Reader, out io.Writer, options server.Options) error {
	wanted := &conformancepb.ServerCompatRequest{}
	if err := readMessage(in, wanted); err != nil {
		return err
	}
	if err := setServerOptions(&options, wanted); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	serving := server.New(options)
	conformancepb.RegisterConformanceService(serving, conformanceService{})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- serving.Serve(listener) }()
	if err := writeMessage(out, &conformancepb.ServerCompatResponse{
		Host: "127.0.0.1", Port: uint32(listener.Addr().(*net.TCPAddr).Port), PemCert: wanted.GetServerCreds().GetCert(),
	}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		// The suite kills what it cannot end.
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = serving.Shutdown(ending) // calls that are still under way are cut off
		return <-done
	}
}

func setServerOptions(options *server.Options, wanted *conformancepb.ServerCompatRequest) error {
	if version := wanted.GetHttpVersion(); version != conformancepb.HTTPVersion_HTTP_VERSION_1 && version != conformancepb.HTTPVersion_HTTP_VERSION_2 {
		return fmt.Errorf("%v is not served", version)
	}
	options.MaxReceiveBytes = int(wanted.GetMessageReceiveLimit())
	if !wanted.GetUseTls() {
		return nil
	}
	pair, err := tls.X509KeyPair(wanted.GetServerCreds().GetCert(), wanted.GetServerCreds().GetKey())
	if err != nil {
		return err
	}
	options.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if trusted := wanted.GetClientTlsCert(); len(trusted) > 0 {
		options.TLS.ClientAuth, options.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !options.TLS.ClientCAs.AppendCertsFromPEM(trusted) {
			return errors.New("the clients' certificate cannot be read")
		}
	}
	return nil
}

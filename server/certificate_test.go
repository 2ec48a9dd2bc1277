// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// certificateFiles puts a certificate and its key where two files are, or are to be, and returns their names.
func certificateFiles(t testing.TB, directory string, pair tls.Certificate) (certificateFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	certificateFile, keyFile = filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key")
	for path, block := range map[string]*pem.Block{
		certificateFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	return certificateFile, keyFile
}

// TestCertificatesAreReplacedUnderLiveConnections replaces the files of both ends of mutual TLS. A connection that is there
// goes on, and new ones have the new names.
func TestCertificatesAreReplacedUnderLiveConnections(t *testing.T) {
	names := func(ctx context.Context, _ *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		return wrapperspb.String(farcall.IncomingCall(ctx).Peer().TLS.PeerCertificates[0].DNSNames[0]), nil
	}
	serverFiles, clientFiles := t.TempDir(), t.TempDir()
	payments, _ := certificate(t, "payments-1")
	ofServer, err := server.CertificateFiles(certificateFiles(t, serverFiles, payments))
	if err != nil {
		t.Fatal(err)
	}
	orders, _ := certificate(t, "orders-1")
	ofClient, err := client.CertificateFiles(certificateFiles(t, clientFiles, orders))
	if err != nil {
		t.Fatal(err)
	}
	address := runSay(t, server.Options{TLS: server.UseTLS(&tls.Config{GetCertificate: ofServer, ClientAuth: tls.RequireAnyClientCert})}, names)
	// both is who the two ends are to each other.
	both := func(conn *client.Conn) string {
		ctx, answer := farcall.NewCall(t.Context())
		seen, err := call(ctx, conn, "")
		if err != nil {
			t.Fatal(err)
		}
		return seen + " " + answer.Peer().TLS.PeerCertificates[0].DNSNames[0]
	}
	connect := func() *client.Conn {
		conn, err := client.New(address, client.Options{TLS: &tls.Config{GetClientCertificate: ofClient, InsecureSkipVerify: true}})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	live := connect()
	defer live.Close()
	if got := both(live); got != "orders-1 payments-1" {
		t.Fatalf("got %s", got)
	}
	payments, _ = certificate(t, "payments-2")
	certificateFiles(t, serverFiles, payments)
	orders, _ = certificate(t, "orders-2")
	certificateFiles(t, clientFiles, orders)
	again := time.NewTicker(20 * time.Millisecond) // handshakes look at the files once a second
	defer again.Stop()
	for got := ""; got != "orders-2 payments-2"; <-again.C {
		conn := connect()
		got = both(conn)
		conn.Close()
	}
	if got := both(live); got != "orders-1 payments-1" {
		t.Errorf("the connection that was there: %s", got)
	}
}

func TestCertificateFilesThatAreOfNoUse(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.crt")
	_, ofServer := server.CertificateFiles(missing, missing)
	_, ofClient := client.CertificateFiles(missing, missing)
	for _, err := range []error{ofServer, ofClient} {
		if farcall.CodeOf(err) != farcall.FailedPrecondition || !strings.Contains(err.Error(), missing) {
			t.Errorf("got %v", err)
		}
	}
}

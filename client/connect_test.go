// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// certificate returns a certificate for name, and the roots that trust it.
func certificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestTLS(t *testing.T) {
	own, roots := certificate(t, "payments.test")
	address := serveTCP(t, server.Options{TLS: server.UseTLS(&tls.Config{Certificates: []tls.Certificate{own}})}, repeat)
	conn := dial(t, address, client.Options{TLS: &tls.Config{RootCAs: roots}, Authority: "payments.test"})
	if got, err := call(t.Context(), conn, "secret"); err != nil || got != "secret" {
		t.Fatalf("got %q, %v", got, err)
	}
	mistakes := []struct {
		name    string
		options client.Options
		hint    string
	}{
		{"unknown issuer", client.Options{TLS: &tls.Config{}, Authority: "payments.test"}, "client.Options.TLS"},
		{"other name", client.Options{TLS: &tls.Config{RootCAs: roots}}, "client.Options.Authority"},
		{"plaintext", client.Options{}, "client.Options.TLS"}, // the default for loopback
	}
	for _, mistake := range mistakes {
		conn := dial(t, address, mistake.options)
		if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), mistake.hint) {
			t.Errorf("%s: %v, want a hint %s", mistake.name, err, mistake.hint)
		}
	}
}

func TestTLSIsTheDefaultForOtherMachines(t *testing.T) {
	first := make(chan []byte, 1)
	conn := dial(t, "payments.test:9090", client.Options{Dialer: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			begin := make([]byte, 3)
			_, _ = io.ReadFull(far, begin)
			first <- begin
			far.Close()
		}()
		return near, nil
	}})
	if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable {
		t.Errorf("got %v", err)
	}
	if begin := <-first; begin[0] != 0x16 || begin[1] != 3 {
		t.Errorf("the connection begins with % x, not with a TLS handshake", begin)
	}
	if _, err := client.New("payments.test:9090", client.Options{Plaintext: true, TLS: &tls.Config{}}); farcall.CodeOf(err) != farcall.InvalidArgument {
		t.Errorf("TLS and Plaintext: %v", err)
	}
}

func TestServerThatDoesNotAgreeOnHTTP2(t *testing.T) {
	own, roots := certificate(t, "payments.test")
	config := &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{"http/1.1"}}
	for name, protocols := range map[string][]string{"another protocol": {"http/1.1"}, "none": nil} {
		config.NextProtos = protocols
		listener := tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), config.Clone())
		go func() {
			for {
				nc, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, nc)
				nc.Close()
			}
		}()
		conn := dial(t, listener.Addr().String(), client.Options{TLS: &tls.Config{RootCAs: roots, ServerName: "payments.test"}})
		if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), "is this a gRPC port?") {
			t.Errorf("%s: %v", name, err)
		}
		listener.Close()
	}
}

// HTTP/2 may not be spoken over just any TLS (RFC 9113 section 9.2).
func TestTLSThatHTTP2Prohibits(t *testing.T) {
	own, roots := certificate(t, "payments.test")
	for want, change := range map[string]func(*tls.Config){
		"needs TLS 1.2": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 },
		"prohibits the cipher suite TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		},
	} {
		theirs, ours := &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{"h2"}}, &tls.Config{RootCAs: roots, ServerName: "payments.test"}
		change(theirs)
		change(ours)
		listener := tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), theirs)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if nc, err := listener.Accept(); err == nil {
				_, _ = io.Copy(io.Discard, nc)
				nc.Close()
			}
		}()
		conn := dial(t, listener.Addr().String(), client.Options{TLS: ours})
		if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something with %q", err, want)
		}
		listener.Close()
		<-done
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "payments.sock")
	conn := dial(t, "unix://"+path, client.Options{})
	_, err := call(t.Context(), conn, "x")
	if farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), "listening on "+path) {
		t.Errorf("without a server: %v", err)
	}
	serve(t, listen(t, "unix", path), server.Options{}, repeat)
	conn = dial(t, "unix://"+path, client.Options{})
	if got, err := call(t.Context(), conn, "hello"); err != nil || got != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestServerThatSpeaksHTTP1(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	defer listener.Close()
	go func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n")
			nc.Close()
		}
	}()
	conn := dial(t, listener.Addr().String(), client.Options{})
	_, err := call(t.Context(), conn, "x")
	if farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), "is this the REST port?") {
		t.Errorf("got %v", err)
	}
}

// refusingDialer counts dials and refuses them until it is told where to go.
type refusingDialer struct {
	mu      sync.Mutex
	address string // "": refuse
	dials   int
}

func (d *refusingDialer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dials++
	if d.address == "" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return new(net.Dialer).DialContext(ctx, network, d.address)
}

func (d *refusingDialer) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dials
}

func TestCallsFailAtOnceWhileInBackoff(t *testing.T) {
	dialer := &refusingDialer{}
	conn := dial(t, "127.0.0.1:1", client.Options{Dialer: dialer.dial, Backoff: client.Backoff{First: time.Hour}})
	for i := range 3 {
		_, err := call(t.Context(), conn, "x")
		if farcall.CodeOf(err) != farcall.Unavailable || !errors.Is(err, syscall.ECONNREFUSED) ||
			!strings.Contains(err.Error(), "is the service test.v1.Echo listening on 127.0.0.1:1?") {
			t.Errorf("call %d: %v", i, err)
		}
		if i > 0 && !strings.Contains(err.Error(), "next attempt") {
			t.Errorf("call %d does not say when it is tried again: %v", i, err)
		}
	}
	if n := dialer.count(); n != 1 {
		t.Errorf("dialled %d times", n)
	}
}

func TestReconnectsAfterBackoff(t *testing.T) {
	dialer := &refusingDialer{}
	conn := dial(t, "127.0.0.1:1", client.Options{Dialer: dialer.dial, Backoff: client.Backoff{First: time.Microsecond, Longest: time.Microsecond}})
	if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != farcall.Unavailable {
		t.Fatalf("without a server: %v", err)
	}
	dialer.mu.Lock()
	dialer.address = serveTCP(t, server.Options{}, repeat)
	dialer.mu.Unlock()
	waitFor(t, "a call that succeeds", func() bool { _, err := call(t.Context(), conn, "x"); return err == nil })
}

// TestSecondConnectionWhereTheFirstWasDropped has a server that ends so many connections before it says anything: closed at
// once, or reset. A call survives one such, and a server that always does it is not asked a third time before the backoff.
func TestSecondConnectionWhereTheFirstWasDropped(t *testing.T) {
	address := serveTCP(t, server.Options{}, repeat)
	secure := &tls.Config{InsecureSkipVerify: true} // it does not come to that
	for _, test := range []struct {
		name    string
		drops   int
		reset   bool
		tls     *tls.Config
		dials   int
		outcome farcall.Code
	}{
		{"closed once", 1, false, nil, 2, farcall.OK},
		{"reset once", 1, true, nil, 2, farcall.OK},
		{"closed always", 100, false, nil, 2, farcall.Unavailable},
		{"closed always, with TLS", 100, false, secure, 2, farcall.Unavailable},
		{"reset always, with TLS", 100, true, secure, 2, farcall.Unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			dropping := listen(t, "tcp", "127.0.0.1:0")
			defer dropping.Close()
			go func() { // ends with the listener
				for {
					nc, err := dropping.Accept()
					if err != nil {
						return
					}
					if test.reset {
						_ = nc.(*net.TCPConn).SetLinger(0)
					} else { // or what the client has sent would make it a reset
						_, _ = nc.Read(make([]byte, 4096))
					}
					nc.Close()
				}
			}()
			dials := 0 // one dial after the other: no race
			conn := dial(t, address, client.Options{TLS: test.tls, Plaintext: test.tls == nil, Backoff: client.Backoff{First: time.Hour},
				Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials++; dials <= test.drops {
						address = dropping.Addr().String()
					}
					return new(net.Dialer).DialContext(ctx, network, address)
				}})
			if _, err := call(t.Context(), conn, "x"); farcall.CodeOf(err) != test.outcome {
				t.Errorf("got %v", err)
			}
			if dials != test.dials {
				t.Errorf("dialled %d times", dials)
			}
		})
	}
}

// waitFor polls for what is told by no signal.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestCallsShareADialAndWaitWithTheirOwnContexts(t *testing.T) {
	address := serveTCP(t, server.Options{}, repeat)
	dialling, proceed := make(chan struct{}), make(chan struct{})
	dials := 0
	conn := dial(t, address, client.Options{Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++ // calls share the dial, so this is no race
		close(dialling)
		<-proceed
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	var patient sync.WaitGroup
	for range 8 {
		patient.Go(func() {
			if got, err := call(context.Background(), conn, "x"); err != nil || got != "x" {
				t.Errorf("a patient call: %v", err)
			}
		})
	}
	<-dialling
	hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := call(hasty, conn, "x")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), address) {
		t.Errorf("the hasty call: %v", err)
	}
	close(proceed)
	patient.Wait()
	if dials != 1 {
		t.Errorf("dialled %d times", dials)
	}
}

func TestCloseEndsADial(t *testing.T) {
	dialling := make(chan struct{})
	conn := dial(t, "127.0.0.1:1", client.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	result := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), conn, "x")
		result <- err
	}()
	<-dialling
	conn.Close()
	if err := <-result; farcall.CodeOf(err) != farcall.Canceled || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v", err)
	}
}

func TestServerThatNeverAnswersTheHandshake(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0") // accepts, by the kernel's grace, and says nothing
	defer listener.Close()
	conn := dial(t, listener.Addr().String(), client.Options{ConnectTimeout: 30 * time.Millisecond})
	_, err := call(t.Context(), conn, "x")
	if farcall.CodeOf(err) != farcall.Unavailable || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// holder is a handler whose calls stay until they are let go.
type holder struct {
	entered chan string
	leave   chan struct{}
}

func newHolder() *holder { return &holder{entered: make(chan string, 100), leave: make(chan struct{})} }

func (h *holder) say(ctx context.Context, request *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	h.entered <- farcall.IncomingCall(ctx).Peer().Address.String()
	select {
	case <-h.leave:
		return request, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestMoreConnectionsAtTheStreamLimit(t *testing.T) {
	hold := newHolder()
	address := serveTCP(t, server.Options{MaxConcurrentStreams: 2}, hold.say)
	conn := dial(t, address, client.Options{MaxConnections: 2})
	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			if got, err := call(context.Background(), conn, "x"); err != nil || got != "x" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	peers := map[string]int{}
	for range 4 {
		peers[<-hold.entered]++
	}
	if len(peers) != 2 {
		t.Errorf("4 calls at 2 a connection came over %v", peers)
	}
	select {
	case <-hold.entered:
		t.Error("more calls are under way than two connections take")
	default:
	}
	hasty, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := call(hasty, conn, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that waits for others: %v", err)
	}
	close(hold.leave)
	calls.Wait()
}

func TestReconnectsWhenTheConnectionBreaks(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	address := listener.Addr().String()
	hold := newHolder()
	first := serve(t, listener, server.Options{}, hold.say)
	conn := dial(t, address, client.Options{})
	broken := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), conn, "x")
		broken <- err
	}()
	<-hold.entered
	first.Close()
	if err := <-broken; farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), address) {
		t.Errorf("the call whose connection broke: %v", err)
	}
	serve(t, listen(t, "tcp", address), server.Options{}, repeat)
	if got, err := call(t.Context(), conn, "again"); err != nil || got != "again" {
		t.Errorf("after the server came back: %q, %v", got, err)
	}
}

func TestNoCallIsLostWhenAServerGoesAway(t *testing.T) {
	listener := listen(t, "tcp", "127.0.0.1:0")
	address := listener.Addr().String()
	first := serve(t, listener, server.Options{}, repeat)
	conn := dial(t, address, client.Options{})
	stop := make(chan struct{})
	var callers sync.WaitGroup
	var calls, failed int
	var mu sync.Mutex
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := call(context.Background(), conn, "x")
				mu.Lock()
				calls++
				if err != nil {
					failed++
					t.Errorf("a call was lost: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	waitFor(t, "50 calls", func() bool { mu.Lock(); defer mu.Unlock(); return calls >= 50 || failed > 0 })
	serve(t, listenAgain(t, listener), server.Options{}, repeat) // the next one listens before the first has gone
	if err := first.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	waitFor(t, "calls to the second server", func() bool { _, err := call(t.Context(), conn, "x"); return err == nil })
	close(stop)
	callers.Wait()
}

// listenAgain returns a second listener on the same socket.
func listenAgain(t testing.TB, listener net.Listener) net.Listener {
	t.Helper()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	again, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair returns a certificate with a name and its key, as files have them.
func pair(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

func standard() Logger { return slog.Default() }

// files are two files and a reader of theirs whose time the test makes.
type files struct {
	t                testing.TB
	certificate, key string
	now              time.Time
	log              bytes.Buffer
	*Files
}

func newFiles(t testing.TB) *files {
	directory := t.TempDir()
	f := &files{t: t, certificate: filepath.Join(directory, "tls.crt"), key: filepath.Join(directory, "tls.key"), now: time.Now().Add(time.Hour)}
	f.write("one")
	opened, err := Open(f.certificate, f.key, func() Logger { return slog.New(slog.NewTextHandler(&f.log, nil)) })
	if err != nil {
		t.Fatal(err)
	}
	f.Files = opened
	f.Files.clock = func() time.Time { return f.now }
	return f
}

func (f *files) write(name string) {
	certificate, key := pair(f.t, name)
	put(f.t, f.certificate, certificate)
	put(f.t, f.key, key)
}

// put replaces a file as those who know how do it.
func put(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// later lets time pass, and returns the name that the certificate has then.
func (f *files) later(d time.Duration) string {
	f.now = f.now.Add(d)
	return name(f.t, f.Current())
}

func name(t testing.TB, certificate *tls.Certificate) string {
	t.Helper()
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return parsed.DNSNames[0]
}

func TestFilesAreReadAgain(t *testing.T) {
	f := newFiles(t)
	first := f.Current()
	if f.later(2*interval) != "one" || f.Current() != first {
		t.Error("files that have not changed were read again")
	}
	f.write("two")
	if got := f.later(interval / 2); got != "one" {
		t.Errorf("within a second of the last look: %s", got)
	}
	if got := f.later(interval / 2); got != "two" {
		t.Errorf("after a second: %s", got)
	}
	if f.log.Len() > 0 {
		t.Errorf("logged: %s", &f.log)
	}
}

// A file system's clock may tick slowly: two changes within a tick look the same.
func TestChangesThatTheTimeDoesNotShow(t *testing.T) {
	f := newFiles(t)
	f.now = time.Now().Add(interval)
	f.later(0)
	before, err := os.Stat(f.certificate)
	if err != nil {
		t.Fatal(err)
	}
	for { // until the sizes are equal
		certificate, key := pair(t, "two")
		if int64(len(certificate)) != before.Size() {
			continue
		}
		for path, content := range map[string][]byte{f.certificate: certificate, f.key: key} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o600); err != nil { // in place: the same file
				t.Fatal(err)
			}
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}
		break
	}
	if got := f.later(interval); got != "two" {
		t.Errorf("got %s", got)
	}
}

func TestPairThatDoesNotFitIsNotTaken(t *testing.T) {
	f := newFiles(t)
	certificate, key := pair(t, "two")
	put(t, f.certificate, certificate) // and the key some time later
	if got := f.later(interval); got != "one" || f.log.Len() > 0 {
		t.Errorf("between the two files: %s, logged %q", got, &f.log)
	}
	put(t, f.key, key)
	if got := f.later(interval); got != "two" || f.log.Len() > 0 {
		t.Errorf("with both: %s, logged %q", got, &f.log)
	}
}

func TestBrokenFilesAreLoggedOnce(t *testing.T) {
	for name, breaks := range map[string]func(f *files) error{
		"gone":    func(f *files) error { return os.Remove(f.certificate) },
		"no key":  func(f *files) error { return os.Remove(f.key) },
		"garbage": func(f *files) error { return os.WriteFile(f.certificate, []byte("garbage"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t)
			if err := breaks(f); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if got := f.later(interval); got != "one" {
					t.Errorf("got %s", got)
				}
			}
			if logged := f.log.String(); strings.Count(logged, "\n") != 1 || !strings.Contains(logged, "the old one stays in use") || !strings.Contains(logged, f.certificate) {
				t.Errorf("logged: %s", logged)
			}
			f.write("two")
			if got := f.later(interval); got != "two" || !strings.Contains(f.log.String(), "in order again") {
				t.Errorf("repaired: %s, logged %s", got, &f.log)
			}
		})
	}
}

// Kubernetes replaces a directory's link, so that both files change at once and neither path does.
func TestLinkedDirectoryIsReplaced(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"one", "two"} {
		directory := filepath.Join(root, name)
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		certificate, key := pair(t, name)
		put(t, filepath.Join(directory, "tls.crt"), certificate)
		put(t, filepath.Join(directory, "tls.key"), key)
	}
	link := func(to string) {
		if err := os.Symlink(to, filepath.Join(root, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(root, "new"), filepath.Join(root, "data")); err != nil {
			t.Fatal(err)
		}
	}
	link("one")
	f, err := Open(filepath.Join(root, "data", "tls.crt"), filepath.Join(root, "data", "tls.key"), standard)
	if err != nil {
		t.Fatal(err)
	}
	link("two")
	f.clock = func() time.Time { return time.Now().Add(time.Hour) }
	if got := name(t, f.Current()); got != "two" {
		t.Errorf("got %s", got)
	}
}

func TestManyAskWhileFilesChange(t *testing.T) {
	f := newFiles(t)
	f.Files.clock = func() time.Time { return time.Now().Add(time.Hour) }
	f.Files.next.Store(0)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 100 {
				f.Files.next.Store(0) // as if a second had passed
				if got := name(t, f.Current()); got != "one" && got != "two" {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	f.write("two")
	asking.Wait()
}

func TestOpenNamesTheFile(t *testing.T) {
	f := newFiles(t)
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := Open(missing, f.key, standard); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("no certificate: %v", err)
	}
	if _, err := Open(f.certificate, missing, standard); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("no key: %v", err)
	}
	if _, err := Open(f.key, f.certificate, standard); err == nil || !strings.Contains(err.Error(), "with the key "+f.certificate) {
		t.Errorf("mixed up: %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build unix

package server_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/server"
)

// serveUnix serves on a unix socket until the test ends.
func serveUnix(t *testing.T, path string) *server.Server {
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	served := make(chan error, 1)
	go func() { served <- srv.ListenAndServe("unix://" + path) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; err != nil {
			t.Errorf("ListenAndServe: %v", err)
		}
	})
	conn, err := client.New("unix://"+path, client.Options{Backoff: client.Backoff{First: time.Millisecond, Longest: 10 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for {
		got, err := call(t.Context(), conn, "x")
		if err == nil && got == "x" {
			return srv
		}
		select {
		case err := <-served:
			served <- nil
			t.Fatalf("ListenAndServe: %v", err)
		case <-time.After(10 * time.Millisecond): // not listening yet
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	srv := serveUnix(t, path)
	other := register(say, farcall.HandleUnary(repeat), server.Options{})
	defer other.Close()
	if err := other.ListenAndServe("unix://" + path); farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), "started twice") {
		t.Errorf("a second server: %v", err)
	}
	conn := dial(t, "unix:"+path)
	if got, err := call(t.Context(), conn, "x"); err != nil || got != "x" {
		t.Errorf("the first server, after that: %q, %v", got, err)
	}
	srv.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("a server that has ended leaves its socket: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	crashed, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	crashed.(*net.UnixListener).SetUnlinkOnClose(false)
	crashed.Close()
	serveUnix(t, path)
}

func TestUnixSocketMistakes(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := register(say, farcall.HandleUnary(repeat), server.Options{})
	defer srv.Close()
	for address, want := range map[string]string{
		"unix://" + file:                         "is no socket",
		"unix://" + directory + "/none/socket":   "is there a directory " + directory + "/none?",
		"unix://socket":                          "three slashes",
		"unix:":                                  "names no socket",
		"unix:///" + strings.Repeat("long/", 30): "longer than the system takes",
		"dns:///localhost:0":                     "dns:// is not known here",
	} {
		if err := srv.ListenAndServe(address); farcall.CodeOf(err) != farcall.Unavailable || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file that was in the way: %q, %v", text, err)
	}
}

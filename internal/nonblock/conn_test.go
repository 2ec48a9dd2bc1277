// SPDX-License-Identifier: Apache-2.0

//go:build unix

package nonblock

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// connected returns the two ends of a connection over loopback.
func connected(t *testing.T) (left, right *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// TestConnWaits moves more than the sockets hold, so that the writer waits for the reader, and the reader for the writer.
func TestConnWaits(t *testing.T) {
	left, right := connected(t)
	sent := make([]byte, 32<<20)
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		n, err := Of(left).Write(sent)
		if err == nil && n != len(sent) {
			err = io.ErrShortWrite
		}
		wrote <- errors.Join(err, left.CloseWrite())
	}()
	received, err := io.ReadAll(Of(right))
	if err != nil || !bytes.Equal(received, sent) {
		t.Errorf("%d bytes, %v; wanted those that were sent", len(received), err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// TestConnDeadlines: those that have passed, and those that pass during a wait.
func TestConnDeadlines(t *testing.T) {
	left, _ := connected(t)
	c := Of(left)
	for _, deadline := range []time.Time{time.Unix(1, 0), time.Now().Add(10 * time.Millisecond)} {
		if err := left.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %d, %v", n, err)
		}
		if n, err := c.Write(make([]byte, 64<<20)); n == 64<<20 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %d, %v", n, err)
		}
	}
	left.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of what is closed: %v", err)
	}
	if _, err := c.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write to what is closed: %v", err)
	}
}

// TestConnErrors: what a reset connection says is what package net says.
func TestConnErrors(t *testing.T) {
	left, right := connected(t)
	c := Of(left)
	if err := right.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	right.Close()
	_, err := c.Read(make([]byte, 1))
	var operation *net.OpError
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &operation) || operation.Op != "read" || operation.Addr == nil {
		t.Errorf("read: %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) || !errors.As(err, &operation) || operation.Op != "write" {
		t.Errorf("write: %v", err)
	}
}

func TestOthersAreLeftAlone(t *testing.T) {
	left, right := net.Pipe()
	defer right.Close()
	if got := Of(left); got != io.ReadWriter(left) {
		t.Errorf("a pipe became %T", got)
	}
	left.Close()
}

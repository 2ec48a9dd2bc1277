// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"strings"
	"testing"
)

func TestListenTakesTheNextFreePort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()

	other, err := listen(address, true)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	got, want := other.Addr().(*net.TCPAddr).Port, taken.Addr().(*net.TCPAddr).Port
	if got <= want || got >= want+portsTried {
		t.Errorf("in the place of port %d it listens on %d", want, got)
	}
	if listener, err := listen(address, false); err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "-listen") {
		t.Errorf("a taken port: %v, %v; want an error that names %s and the way out", listener, err, address)
	}
	if listener, err := listen("127.0.0.1:http-or-so", true); err == nil {
		t.Errorf("no port at all: it listens on %v", listener.Addr())
	}
}

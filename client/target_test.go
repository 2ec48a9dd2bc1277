// SPDX-License-Identifier: Apache-2.0

package client

import (
	"strings"
	"testing"

	"github.com/farcall/farcall"
)

func TestParseTarget(t *testing.T) {
	cases := []struct{ name, network, address, authority, host, local string }{
		{"payments:9090", "tcp", "payments:9090", "payments:9090", "payments", ""},
		{"payments.example:http", "tcp", "payments.example:http", "payments.example:http", "payments.example", ""},
		{"127.0.0.1:9090", "tcp", "127.0.0.1:9090", "127.0.0.1:9090", "127.0.0.1", "local"},
		{"127.8.9.1:1", "tcp", "127.8.9.1:1", "127.8.9.1:1", "127.8.9.1", "local"},
		{"[::1]:9090", "tcp", "[::1]:9090", "[::1]:9090", "::1", "local"},
		{"[fe80::1%eth0]:9090", "tcp", "[fe80::1%eth0]:9090", "[fe80::1%eth0]:9090", "fe80::1%eth0", ""},
		{"localhost:9090", "tcp", "localhost:9090", "localhost:9090", "localhost", "local"},
		{":9090", "tcp", "localhost:9090", "localhost:9090", "localhost", "local"},
		{"dns:///payments:9090", "tcp", "payments:9090", "payments:9090", "payments", ""},
		{"dns:53", "tcp", "dns:53", "dns:53", "dns", ""}, // a host of that name
		{"passthrough:///bufnet", "tcp", "bufnet", "bufnet", "bufnet", ""},
		{"passthrough:///10.0.0.1:9090", "tcp", "10.0.0.1:9090", "10.0.0.1:9090", "10.0.0.1", ""},
		{"unix:///run/payments.sock", "unix", "/run/payments.sock", "localhost", "localhost", "local"},
		{"unix:payments.sock", "unix", "payments.sock", "localhost", "localhost", "local"},
	}
	for _, c := range cases {
		got, err := parseTarget(c.name)
		want := target{name: c.name, network: c.network, address: c.address, authority: c.authority, host: c.host, local: c.local != ""}
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v\nwant %+v", c.name, got, err, want)
		}
	}
}

func TestParseTargetNamesTheMistake(t *testing.T) {
	cases := []struct{ name, hint string }{
		{"", "names no host"},
		{"payments", "payments:443?"},
		{"payments:", "no port"},
		{"::1:9090", "host:port is expected"},
		{"http://payments:8080/", "not a URL: payments:8080?"},
		{"https://payments", "not a URL"},
		{"xds:///payments", "scheme xds is not known"},
		{"dns://8.8.8.8/payments:9090", "dns:///8.8.8.8/payments:9090?"},
		{"dns:///", "names no host"},
		{"unix://", "names no socket"},
	}
	for _, c := range cases {
		_, err := parseTarget(c.name)
		if farcall.CodeOf(err) != farcall.InvalidArgument || !strings.Contains(err.Error(), c.hint) {
			t.Errorf("%q: got %v, want a hint %q", c.name, err, c.hint)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"payments:9090", "dns:///a:1", "unix:///x", "[::1]:1", "passthrough:///", "http://x", "::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := parseTarget(name)
		if err == nil && (got.address == "" || got.authority == "" || got.host == "" || got.name != name) {
			t.Errorf("%q is accepted as %+v", name, got)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net"
	"strings"

	"github.com/farcall/farcall"
)

// target is where the calls go.
type target struct {
	name      string // as it was given, for messages
	network   string // "tcp" or "unix"
	address   string // as the dialer takes it
	authority string
	host      string // whose certificate is expected
	local     bool   // on this machine: plaintext unless TLS is asked for
}

// parseTarget reads "host:port", "dns:///host:port", "passthrough:///anything" or "unix:///path" (grpc/grpc doc/naming.md).
func parseTarget(name string) (target, error) {
	t := target{name: name, network: "tcp"}
	scheme, endpoint, hasScheme := strings.Cut(name, "://")
	switch {
	case strings.HasPrefix(name, "unix:"):
		t.network, t.local, t.authority, t.host = "unix", true, "localhost", "localhost"
		t.address = strings.TrimPrefix(strings.TrimPrefix(name, "unix:"), "//")
		if t.address == "" {
			return t, badTarget(name, "it names no socket: unix:///path/of/socket is expected")
		}
		return t, nil
	case !hasScheme:
		endpoint = name
	case scheme == "http" || scheme == "https":
		return t, badTarget(name, "a target is a host and a port, not a URL: "+strings.TrimSuffix(endpoint, "/")+"?")
	case scheme != "dns" && scheme != "passthrough":
		return t, badTarget(name, "scheme "+scheme+" is not known: host:port, dns:///host:port, passthrough:///address and unix:///path are")
	case !strings.HasPrefix(endpoint, "/"):
		return t, badTarget(name, "it names a server to ask, which is not supported: "+scheme+":///"+endpoint+"?")
	default:
		endpoint = endpoint[1:]
	}
	if endpoint == "" {
		return t, badTarget(name, "it names no host: host:port is expected")
	}
	t.address, t.authority = endpoint, endpoint
	host, port, err := net.SplitHostPort(endpoint)
	switch {
	case scheme == "passthrough" && hasScheme:
		if err != nil {
			host = endpoint
		}
	case err != nil && !strings.Contains(endpoint, ":"):
		return t, badTarget(name, "it has no port: "+endpoint+":443?")
	case err != nil:
		return t, badTarget(name, "host:port is expected ("+err.Error()+")")
	case port == "":
		return t, badTarget(name, "it has no port: "+endpoint+"443?")
	case host == "":
		host = "localhost"
		t.address = net.JoinHostPort(host, port)
		t.authority = t.address
	}
	t.host, t.local = host, onThisMachine(host)
	return t, nil
}

// onThisMachine reports whether host is a loopback address or name, without asking DNS.
func onThisMachine(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	address, _, _ := strings.Cut(host, "%") // an IPv6 zone
	ip := net.ParseIP(address)
	return ip != nil && ip.IsLoopback()
}

func badTarget(name, why string) error {
	return farcall.Errorf(farcall.InvalidArgument, "cannot use the target %q: %s", name, why)
}

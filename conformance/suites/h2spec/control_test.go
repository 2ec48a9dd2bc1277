// SPDX-License-Identifier: Apache-2.0

package h2spec

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// TestJudgeOfBrokenServers shows that h2spec finds what a server does wrong, and that none of it goes uncounted. The
// servers are ours behind a relay that breaks them.
func TestJudgeOfBrokenServers(t *testing.T) {
	for name, c := range map[string]struct {
		section string
		broken  breakage
		passed  int
		others  []string
	}{
		"nothing is broken": {section: "http2/6.9", broken: breakage{}, passed: 9},
		"windows above 2^31-1 are nobody's fault": {
			section: "http2/6.9.1", broken: breakage{fromClient: dropHugeUpdates}, passed: 1,
			others: []string{"http2/6.9.1/2", "http2/6.9.1/3"},
		},
		"the client's window is not kept to": {
			section: "http2/6.9.1", broken: breakage{fromClient: emptySettings}, passed: 2,
			others: []string{"http2/6.9.1/1"},
		},
		"a connection's error is a secret": {
			section: "http2/6.5.2", broken: breakage{fromServer: dropGoAway, hold: true}, passed: 1,
			others: []string{"http2/6.5.2/1", "http2/6.5.2/2", "http2/6.5.2/3", "http2/6.5.2/4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := judge(t, relay(t, serve(t, server.Options{}), c.broken), "-o", "2", c.section)
			if result.passed() != c.passed || !slices.Equal(result.others(), c.others) {
				t.Errorf("want %d to pass, and not %v: %v", c.passed, c.others, result)
			}
		})
	}
}

// TestJudgeOfAServerThatHangsUp runs all cases. Many are content with a connection that ends, and yet it is not enough.
func TestJudgeOfAServerThatHangsUp(t *testing.T) {
	listener := listen(t)
	serveEach(t, listener, func(nc net.Conn) {
		if _, err := io.ReadFull(nc, make([]byte, len(frame.Preface))); err == nil {
			_, _ = nc.Write(frame.AppendSettingsAck(frame.AppendSettings(nil)))
		}
	})
	result := judge(t, listener.Addr().(*net.TCPAddr), "-o", "2")
	if len(result) != allCases || len(result.others()) < allCases/4 {
		t.Errorf("of %d cases only %d have not passed", len(result), len(result.others()))
	}
}

// breakage is what a relay does to the frames of each side: change them, or drop them by returning nil. nil: nothing.
type breakage struct {
	fromClient, fromServer func(h frame.Header, payload []byte) []byte
	hold                   bool // the client's side stays open when the server has closed its own
}

func dropHugeUpdates(h frame.Header, payload []byte) []byte {
	if h.Type == frame.WindowUpdate && binary.BigEndian.Uint32(payload) == frame.LargestWindow {
		return nil
	}
	return append(frame.AppendHeader(nil, h), payload...)
}

func emptySettings(h frame.Header, payload []byte) []byte {
	if h.Type == frame.Settings && !h.Flags.Has(frame.Ack) {
		return frame.AppendSettings(nil)
	}
	return append(frame.AppendHeader(nil, h), payload...)
}

func dropGoAway(h frame.Header, payload []byte) []byte {
	if h.Type == frame.GoAway {
		return nil
	}
	return append(frame.AppendHeader(nil, h), payload...)
}

// relay stands before a server until the test's end, and returns its own address.
func relay(t *testing.T, server *net.TCPAddr, broken breakage) *net.TCPAddr {
	t.Helper()
	listener := listen(t)
	serveEach(t, listener, func(client net.Conn) {
		server, err := net.Dial("tcp", server.String())
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		if _, err := io.CopyN(server, client, int64(len(frame.Preface))); err != nil {
			return
		}
		var back sync.WaitGroup
		defer back.Wait()
		back.Go(func() { // ends with the server's connection
			copyFrames(client, server, broken.fromServer)
			if !broken.hold {
				_ = client.Close()
			}
		})
		copyFrames(server, client, broken.fromClient)
		_ = server.Close()
	})
	return listener.Addr().(*net.TCPAddr)
}

// copyFrames copies until from ends.
func copyFrames(to io.Writer, from io.Reader, change func(h frame.Header, payload []byte) []byte) {
	if change == nil {
		_, _ = io.Copy(to, from)
		return
	}
	header := make([]byte, frame.HeaderBytes)
	for {
		if _, err := io.ReadFull(from, header); err != nil {
			return
		}
		h := frame.ParseHeader(header)
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(from, payload); err != nil {
			return
		}
		if changed := change(h, payload); changed != nil {
			_, _ = to.Write(changed) // where that fails, so does reading
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serveEach has f serve every connection of listener, which ends before the test does. Clients end their connections.
func serveEach(t *testing.T, listener net.Listener, f func(net.Conn)) {
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer nc.Close()
				f(nc)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
}

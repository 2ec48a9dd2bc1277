// SPDX-License-Identifier: Apache-2.0

package http2interop

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/conformance/suites/script"
	"github.com/farcall/farcall/conformance/suites/testingpb"
	"github.com/farcall/farcall/internal/frame"
)

// TestClientCasesFindMistakes has every case of our client meet a server that plays another case: none that differs is
// taken for the right one.
func TestClientCasesFindMistakes(t *testing.T) {
	for _, c := range cases {
		other := "rst_after_data"
		if strings.HasPrefix(c.name, "rst_") {
			other = "ping"
		}
		s := setStage(t, other, nil)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := do(ctx, s.address.String(), nil, c.do); err == nil {
			t.Errorf("%s passes with a server that plays %s", c.name, other)
		}
		cancel()
	}
}

// TestServerFindsCarelessClients has a client make the mistakes that the server looks for.
func TestServerFindsCarelessClients(t *testing.T) {
	for name, want := range map[string]string{
		"goaway":      "stream 3 was opened after GOAWAY",
		"ping":        "4 pings were not answered",
		"max_streams": "stream 3 was opened beside stream 1",
	} {
		t.Run(name, func(t *testing.T) {
			s := setStage(t, name, nil)
			beCareless(t, s.address.String(), name)
			if connections, breaches := s.seen(); connections != 1 || len(breaches) != 1 || breaches[0] != want {
				t.Errorf("%d connections, breaches %q, want %q", connections, breaches, want)
			}
		})
	}
}

// beCareless is a client that makes the mistake which a case is about: it answers no PING, knows no limit of streams, or
// does not listen to GOAWAY.
func beCareless(t *testing.T, address, name string) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	encoded, err := proto.Marshal(&testingpb.SimpleRequest{ResponseSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	message := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(encoded))), encoded...)
	request := func(stream uint32) []byte {
		return append(script.Headers(stream, false, ":method", "POST", ":scheme", "http", ":path", "/"), frame.AppendData(nil, stream, message, true)...)
	}
	first := append([]byte(frame.Preface), frame.AppendSettings(nil)...)
	first = append(first, request(1)...)
	if name == "max_streams" {
		first = append(first, request(3)...)
	}
	if _, err := nc.Write(first); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(nc)
	header := make([]byte, frame.HeaderBytes)
	for pings := 0; ; {
		if _, err := io.ReadFull(reader, header); err != nil {
			return
		}
		h := frame.ParseHeader(header)
		if _, err := reader.Discard(h.Length); err != nil {
			return
		}
		switch {
		case h.Type == frame.Ping && name != "ping":
			_, _ = nc.Write(frame.AppendPing(nil, true, [8]byte{}))
		case h.Type == frame.Ping:
			if pings++; pings == 4 {
				return
			}
		case h.Type == frame.GoAway:
			_, _ = nc.Write(request(3))
		}
	}
}

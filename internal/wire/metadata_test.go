// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/wire"
)

func TestMetadataIsSent(t *testing.T) {
	metadata := farcall.NewMetadata(
		"tenant", "blue", "Trace-Id", "a b~", "tenant", "green", "x_1.y-z", "",
		"key-bin", "\x00\xff,", "empty-bin", "", "authorization", "Bearer s3cret", "cookie", "a=b",
		"grpc-trace-bin", "t", "grpc-tags-bin", "t", "grpc-previous-rpc-attempts", "1", "grpc-retry-pushback-ms", "5",
	)
	got, err := wire.AppendMetadata(fields("before: 1\n"), metadata)
	if err != nil {
		t.Fatal(err)
	}
	want := `before: 1
tenant: blue
trace-id: a b~
tenant: green
x_1.y-z: 
key-bin: AP8s
empty-bin: 
!authorization: Bearer s3cret
!cookie: a=b
grpc-trace-bin: dA
grpc-tags-bin: dA
grpc-previous-rpc-attempts: 1
grpc-retry-pushback-ms: 5
`
	if lines(got) != want {
		t.Errorf("sent\n%s\nwant\n%s", lines(got), want)
	}
}

func TestMetadataThatMustNotBeSent(t *testing.T) {
	for key, word := range map[string]string{
		":path": "belongs to HTTP/2", ":authority": "belongs to HTTP/2", ":": "belongs to HTTP/2",
		"user-agent":   "client.Options",
		"content-type": "belongs to HTTP", "te": "belongs to HTTP", "host": "belongs to HTTP", "content-length": "belongs to HTTP",
		"connection": "belongs to HTTP", "keep-alive": "belongs to HTTP", "proxy-connection": "belongs to HTTP",
		"transfer-encoding": "belongs to HTTP", "upgrade": "belongs to HTTP", "trailer": "belongs to HTTP",
		"grpc-timeout": "belong to gRPC", "grpc-status": "belong to gRPC", "grpc-status-details-bin": "belong to gRPC",
		"grpc-encoding": "belong to gRPC", "grpc-whatever": "belong to gRPC", "GRPC-Timeout": "belong to gRPC",
		"farcall-step-times": "belongs to farcall",
		"":                   "a-z 0-9", "a b": "a-z 0-9", "ä": "a-z 0-9", "a:b": "a-z 0-9", "a\n": "a-z 0-9", strings.Repeat("%", 500): "a-z 0-9",
	} {
		_, err := wire.AppendMetadata(nil, farcall.NewMetadata("good", "1", key, "v"))
		expectFailure(t, err, farcall.Internal, word)
		if err != nil && len(key) < 100 && key != "a\n" && !strings.Contains(err.Error(), `"`+strings.ToLower(key)+`"`) {
			t.Errorf("%q does not name the key %q", err, key)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("the error for a key of %d bytes has %d", len(key), len(err.Error()))
		}
	}
	for _, value := range []string{"tab\t", "line\n", "nul\x00", "del\x7f", "Grüße", "\xff", " front", "back ", " "} {
		_, err := wire.AppendMetadata(nil, farcall.NewMetadata("key", value))
		expectFailure(t, err, farcall.Internal, `"key"`, "-bin")
	}
}

// receive reads fields as a peer's metadata.
func receive(block string) (farcall.Metadata, error) {
	var metadata farcall.Metadata
	for _, field := range fields(block) {
		if err := wire.AddReceived(&metadata, &field, 0); err != nil {
			return metadata, err
		}
	}
	return metadata, nil
}

func TestMetadataIsReceived(t *testing.T) {
	for block, want := range map[string]string{
		"a: 1\nb: 2\na: 3\n":              "a=1 b=2 a=3",
		"a: 1,2\n":                        "a=1,2", // only binary values are split
		"a:  \tspaced \n":                 "a=spaced",
		"a: \n":                           "a=",
		"k-bin: AP8s\n":                   "k-bin=\x00\xff,",
		"k-bin: AP8\nk-bin: AP8=\n":       "k-bin=\x00\xff k-bin=\x00\xff", // with and without padding
		"k-bin: QQ\nk-bin: QQ==\n":        "k-bin=A k-bin=A",
		"k-bin: QQ==,Qg, Qw== ,\n":        "k-bin=A k-bin=B k-bin=C k-bin=",
		"k-bin: \n":                       "k-bin=",
		"grpc-trace-bin: QQ\n":            "grpc-trace-bin=A",
		"grpc-previous-rpc-attempts: 2\n": "grpc-previous-rpc-attempts=2",
		// What HTTP allows and gRPC does not is left out without an error.
		"a: Gr\u00fc\u00dfe\nb: 1\n":   "b=1",
		"a: in\tside\n":                "",
		"a$: 1\n":                      "",
		"a!-bin: !\n":                  "",
		"grpc-timeout: 1S\n":           "",
		"grpc-status-details-bin: !\n": "",
		"grpc-future: 1\n":             "",
		"content-type: x\nte: trailers\nhost: h\ncontent-length: 5\nfarcall-step-times: 1\n:path: /\nuser-agent: u\ntrailer: t\n": "",
	} {
		got, err := receive(block)
		if err != nil || text(got) != want {
			t.Errorf("received %q as %q, %v; want %q", block, text(got), err, want)
		}
	}
}

func TestMalformedBinaryMetadata(t *testing.T) {
	for _, value := range []string{"!", "Q", "QQ=", "QQ===", "====", "QQ==QQ==", "Q Q", "QQ,!", "Q\rQ", "-_-_", strings.Repeat(",", 256)} {
		_, err := receive("key-bin: " + value + "\n")
		expectFailure(t, err, farcall.Internal, `"key-bin"`, "base64")
	}
	// A short field must not become a long list.
	got, err := receive("key-bin: " + strings.Repeat(",", 255) + "\n")
	if err != nil || got.Len() != 256 {
		t.Errorf("255 commas gave %d values, %v", got.Len(), err)
	}
}

// What a peer sent can be sent back, whatever it was; and what is sent arrives as it was.
func FuzzMetadata(f *testing.F) {
	f.Add("key", "value")
	f.Add("key-bin", "QQ==,Qg")
	f.Add("key-bin", "\x00\xff")
	f.Add("grpc-timeout", "1S")
	f.Fuzz(func(t *testing.T, key, value string) {
		var received farcall.Metadata
		if err := wire.AddReceived(&received, &exchange.Field{Name: key, Value: value}, 3); err == nil {
			if _, err := wire.AppendMetadata(nil, received); err != nil {
				t.Errorf("received %q: %q, and it cannot be sent back: %v", key, value, err)
			}
		}
		sent, err := wire.AppendMetadata(nil, farcall.NewMetadata(key, value))
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the error %q is not UTF-8", err)
			}
			return
		}
		var back farcall.Metadata
		if err := wire.AddReceived(&back, &sent[0], 0); err != nil || text(back) != text(farcall.NewMetadata(key, value)) {
			t.Errorf("%q: %q was sent as %q and came back as %q, %v", key, value, lines(sent), text(back), err)
		}
	})
}

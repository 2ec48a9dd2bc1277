// SPDX-License-Identifier: Apache-2.0

package connectrpc

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/suites/conformancepb"
	"github.com/farcall/farcall/server"
)

// peerVariable names, in the environment of this binary, the peer that it is instead of a test.
const peerVariable = "CONFORMANCE_PEER"

// peers are what this binary can be. The careless ones show what the suite finds.
var peers = map[string]func(in io.Reader, out io.Writer) error{
	"server": func(in io.Reader, out io.Writer) error {
		return runServer(in, out, server.Options{MinCompressBytes: -1})
	},
	"client": func(in io.Reader, out io.Writer) error { return runClient(in, out, client.Options{}) },
	"careless server": func(in io.Reader, out io.Writer) error {
		return runServer(in, out, server.Options{Interceptors: []farcall.Interceptor{loseTrailers}})
	},
	"careless client": func(in io.Reader, out io.Writer) error {
		return runClient(in, out, client.Options{Interceptors: []farcall.Interceptor{loseTrailers}})
	},
}

// loseTrailers is a mistake, on either side.
func loseTrailers(ctx context.Context, stream farcall.Stream, next farcall.Handler) error {
	err := next(ctx, stream)
	*stream.ResponseTrailer() = farcall.Metadata{}
	return err
}

func TestMain(m *testing.M) {
	name := os.Getenv(peerVariable)
	if name == "" {
		goleak.VerifyTestMain(m)
		return
	}
	run, ok := peers[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "%s=%s names no peer\n", peerVariable, name)
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s under test: %v\n", name, err)
		os.Exit(1)
	}
}

// largest is more than any message that the suite's program sends or takes over a pipe.
const largest = 16 << 20

// readMessage reads one message behind its length. It returns io.EOF where there is none.
func readMessage(from io.Reader, message proto.Message) error {
	var prefix [4]byte
	if _, err := io.ReadFull(from, prefix[:]); err != nil {
		return err
	}
	length := binary.BigEndian.Uint32(prefix[:])
	if length > largest {
		return fmt.Errorf("the suite announces a message of %d bytes", length)
	}
	encoded := make([]byte, length)
	if _, err := io.ReadFull(from, encoded); err != nil {
		return fmt.Errorf("a message from the suite is cut off: %w", err)
	}
	return proto.Unmarshal(encoded, message)
}

func writeMessage(to io.Writer, message proto.Message) error {
	encoded, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	_, err = to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(encoded))), encoded...))
	return err
}

// The suite writes binary metadata in base64, as it crosses the wire; farcall shows the bytes.
const binarySuffix = "-bin"

// addHeaders adds what the suite wants to be sent.
func addHeaders(metadata *farcall.Metadata, headers []*conformancepb.Header) {
	for _, header := range headers {
		for _, value := range header.GetValue() {
			if strings.HasSuffix(strings.ToLower(header.GetName()), binarySuffix) {
				if decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=")); err == nil {
					value = string(decoded)
				}
			}
			metadata.Add(header.GetName(), value)
		}
	}
}

// headersOf returns received metadata as the suite writes it.
func headersOf(metadata farcall.Metadata) []*conformancepb.Header {
	var headers []*conformancepb.Header
	byName := map[string]*conformancepb.Header{}
	for name, value := range metadata.All() {
		header := byName[name]
		if header == nil {
			header = &conformancepb.Header{Name: name}
			byName[name] = header
			headers = append(headers, header)
		}
		if strings.HasSuffix(name, binarySuffix) {
			value = base64.RawStdEncoding.EncodeToString([]byte(value))
		}
		header.Value = append(header.Value, value)
	}
	return headers
}

// failure returns the error that the suite wants a call to end with, nil for none.
func failure(wanted *conformancepb.Error, details ...*anypb.Any) error {
	if wanted == nil {
		return nil
	}
	return &farcall.Error{
		Code: farcall.Code(wanted.GetCode()), Message: wanted.GetMessage(), Details: append(wanted.GetDetails(), details...),
	}
}

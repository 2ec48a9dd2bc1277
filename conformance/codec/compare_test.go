// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/internal/fallback"
)

// TestMain makes it known when farcall fails at what protobuf can do: Decode and Append would do it by way of protobuf.
func TestMain(m *testing.M) {
	fallback.Disagreed = func(message proto.Message) {
		panic("the fast path and protobuf disagree about a " + string(message.ProtoReflect().Descriptor().FullName()))
	}
	m.Run()
}

// variants are the ways to decode. They differ in where strings and bytes lie.
var variants = map[string]codec.Options{"": {}, "singly": {Singly: true}, "alias": {Alias: true}}

// compareDecoding decodes data as protobuf and as farcall does. It returns the message if data is one.
func compareDecoding(t *testing.T, kind protoreflect.MessageType, data []byte) proto.Message {
	t.Helper()
	name := kind.Descriptor().FullName()
	want := kind.New().Interface()
	wantErr := proto.Unmarshal(data, want)
	for variant, options := range variants {
		got := kind.New().Interface()
		err := options.Decode(bytes.Clone(data), got)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s %s: protobuf says %v, farcall %v, of\n%x", name, variant, wantErr, err, data)
		}
		if err != nil {
			if want := clean(wantErr); !strings.Contains(err.Error(), want) {
				t.Fatalf("%s: the error is %q, want %q in it", name, err, want)
			}
			continue
		}
		if !proto.Equal(got, want) {
			t.Fatalf("%s %s: protobuf decodes\n%v\nfarcall\n%v\nfrom\n%x", name, variant, want, got, data)
		}
		if g, w := marshal(got), marshal(want); !bytes.Equal(g, w) { // also what is unknown
			t.Fatalf("%s %s: protobuf decodes and encodes to\n%x\nfarcall to\n%x", name, variant, w, g)
		}
	}
	if wantErr != nil {
		return nil
	}
	return want
}

// clean returns an error of protobuf's without its name, which farcall cuts off, and its no-break space. Of several fields
// that are not set protobuf names any.
func clean(err error) string {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	if strings.Contains(text, "required field ") {
		return "required field "
	}
	return strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
}

// marshal returns a message as protobuf encodes it, or its error: it cannot encode message sets with unknown fields.
func marshal(message proto.Message) []byte {
	encoded, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(message)
	if err != nil {
		return []byte(clean(err))
	}
	return encoded
}

// compareEncoding encodes message as protobuf and as farcall does, and returns the bytes if it can be encoded.
func compareEncoding(t *testing.T, message proto.Message) []byte {
	t.Helper()
	name := message.ProtoReflect().Descriptor().FullName()
	want, wantErr := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	got, err := codec.Options{Deterministic: true}.Append([]byte("front"), message)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: protobuf says %v, farcall %v, of\n%v", name, wantErr, err, message)
	}
	if err != nil {
		if want := clean(wantErr); !strings.Contains(err.Error(), want) {
			t.Fatalf("%s: the error is %q, want %q in it", name, err, want)
		}
		return nil
	}
	if got, _ := bytes.CutPrefix(got, []byte("front")); !bytes.Equal(got, want) {
		t.Fatalf("%s: protobuf encodes\n%x\nfarcall\n%x\nof %v", name, want, got, message)
	}
	// In any order of maps there must be as many bytes, and the same message in them.
	encoded, err := codec.Encode(message, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer encoded.Free()
	again := message.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(encoded.B[5:], again); err != nil || len(encoded.B) != len(want)+5 {
		t.Fatalf("%s: %v; %d bytes, want %d, of\n%v", name, err, len(encoded.B)-5, len(want), message)
	}
	if have := marshal(again); !bytes.Equal(have, want) && !bytes.Equal(have, marshal(remade(t, want, message))) {
		t.Fatalf("%s: protobuf encodes\n%x\nfarcall\n%x", name, want, have)
	}
	return want
}

// remade is message after it was decoded from data. What was set to be unknown in it may be known then.
func remade(t *testing.T, data []byte, message proto.Message) proto.Message {
	t.Helper()
	again := message.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	return again
}

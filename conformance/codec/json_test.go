// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/transcode"
)

// jsonOptions are the ways to write JSON, farcall's and protobuf's.
var jsonOptions = []struct {
	ours   transcode.Options
	theirs protojson.MarshalOptions
}{
	{transcode.Options{}, protojson.MarshalOptions{AllowPartial: true}},
	{transcode.Options{UseProtoNames: true, EmitUnpopulated: true}, protojson.MarshalOptions{AllowPartial: true, UseProtoNames: true, EmitUnpopulated: true}},
	{transcode.Options{UseEnumNumbers: true, EmitDefaultValues: true, Indent: "\t"},
		protojson.MarshalOptions{AllowPartial: true, UseEnumNumbers: true, EmitDefaultValues: true}},
}

// compareWriting writes data as JSON, as protobuf and as farcall do. It returns the JSON if there is one.
func compareWriting(t *testing.T, kind protoreflect.MessageType, data []byte) []byte {
	t.Helper()
	name := kind.Descriptor().FullName()
	var written []byte
	for k, options := range jsonOptions {
		message := kind.New().Interface()
		var text []byte
		err := proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(data, message)
		if err == nil {
			text, err = options.theirs.Marshal(message)
		}
		got, ourErr := transcode.New(kind.Descriptor(), options.ours).AppendJSON([]byte("front"), data)
		if (err == nil) != (ourErr == nil) {
			t.Fatalf("%s %d: protobuf says %v, farcall %v, of\n%x", name, k, err, ourErr, data)
		}
		if err != nil {
			continue
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		if indent := options.ours.Indent; indent != "" {
			compact := bytes.Clone(want.Bytes())
			want.Reset()
			if err := json.Indent(&want, compact, "", indent); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := bytes.CutPrefix(got, []byte("front")); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%s %d: protobuf writes\n%s\nfarcall\n%s\nof\n%x", name, k, want.Bytes(), got, data)
		}
		if k == 0 {
			written = want.Bytes()
		}
	}
	return written
}

func TestRandomWriting(t *testing.T) {
	for _, kind := range types {
		t.Run(string(kind.Descriptor().FullName()), func(t *testing.T) {
			for seed := range uint64(seeds / 5) {
				r := newRandom(seed)
				message := kind.New()
				r.message(message, 0)
				if data, err := (proto.MarshalOptions{AllowPartial: true}).Marshal(message.Interface()); err == nil {
					compareWriting(t, kind, data)
					compareWriting(t, kind, r.mutate(data))
				}
				data := r.wire(kind.Descriptor(), 0)
				compareWriting(t, kind, data)
				compareWriting(t, kind, r.mutate(data))
			}
		})
	}
}

// compareReading reads text as protobuf and as farcall do.
func compareReading(t *testing.T, kind protoreflect.MessageType, text []byte) {
	t.Helper()
	name := kind.Descriptor().FullName()
	for _, discard := range []bool{false, true} {
		want, got := kind.New().Interface(), kind.New().Interface()
		wantErr := protojson.UnmarshalOptions{AllowPartial: true, DiscardUnknown: discard}.Unmarshal(text, want)
		data, err := transcode.New(kind.Descriptor(), transcode.Options{DiscardUnknown: discard}).AppendMessage([]byte("front"), text)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s: protobuf says %v, farcall %v, of\n%s", name, wantErr, err, text)
		}
		if err != nil {
			if fault := new(transcode.Error); !errors.As(err, &fault) || fault.Reason == "" || len(err.Error()) > 4000 {
				t.Fatalf("%s: %T %v, of\n%s", name, err, err, text)
			}
			continue
		}
		data, _ = bytes.CutPrefix(data, []byte("front"))
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(data, got); err != nil {
			t.Fatalf("%s: farcall makes %x, which is no message: %v, of\n%s", name, data, err, text)
		}
		if !proto.Equal(got, want) && canonical(got) != canonical(want) {
			t.Fatalf("%s: protobuf reads\n%v\nfarcall\n%v\nfrom\n%s", name, want, got, text)
		}
		compareWriting(t, kind, data)
	}
}

// canonical is the JSON of a message: what is in an Any may be encoded in any order.
func canonical(message proto.Message) string {
	text, err := protojson.MarshalOptions{AllowPartial: true}.Marshal(message)
	var compact bytes.Buffer
	if err != nil || json.Compact(&compact, text) != nil {
		return "no JSON"
	}
	return compact.String()
}

func TestRandomReading(t *testing.T) {
	for _, kind := range types {
		t.Run(string(kind.Descriptor().FullName()), func(t *testing.T) {
			for seed := range uint64(seeds) {
				r := newRandom(seed)
				text := []byte(r.json(kind.Descriptor(), 0))
				compareReading(t, kind, text)
				compareReading(t, kind, r.mutate(text))
				if seed%5 > 0 {
					continue
				}
				message := kind.New()
				r.message(message, 0)
				if text, err := (protojson.MarshalOptions{AllowPartial: true}).Marshal(message.Interface()); err == nil {
					compareReading(t, kind, text)
					compareReading(t, kind, r.mutate(text))
				}
			}
		})
	}
}

// FuzzJSON tries the fuzzer's own text on a type.
func FuzzJSON(f *testing.F) {
	for k, kind := range types {
		for seed := range uint64(3) {
			f.Add(uint8(k), []byte(newRandom(seed).json(kind.Descriptor(), 0)))
		}
	}
	f.Fuzz(func(t *testing.T, k uint8, text []byte) {
		compareReading(t, types[int(k)%len(types)], text)
	})
}

// FuzzRandomJSON lets the fuzzer choose seeds.
func FuzzRandomJSON(f *testing.F) {
	f.Add(uint8(0), uint64(1))
	f.Fuzz(func(t *testing.T, k uint8, seed uint64) {
		kind, r := types[int(k)%len(types)], newRandom(seed)
		text := []byte(r.json(kind.Descriptor(), 0))
		compareReading(t, kind, text)
		compareReading(t, kind, r.mutate(text))
		data := r.wire(kind.Descriptor(), 0)
		compareWriting(t, kind, data)
		compareWriting(t, kind, r.mutate(data))
	})
}

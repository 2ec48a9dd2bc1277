// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"encoding/json"
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

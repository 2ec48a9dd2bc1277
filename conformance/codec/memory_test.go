// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"
	"weak"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/conformance/codec/opaquepb"
	"github.com/farcall/farcall/conformance/codec/openpb"
	"github.com/farcall/farcall/conformance/codec/proto2pb"
	"github.com/farcall/farcall/conformance/codec/proto3pb"
)

// hostileBytes is how long the messages of TestHostileMemory are.
const hostileBytes = 16 << 10

// However a message is made, it allocates little more than protobuf allocates for it: a quarter, spareMemory, which is what
// there may be in the slabs of one message and in a map that is not used, and spareForByte for each byte of the data: members of a
// oneof that take the place of others. What is refused is decoded twice: protobuf says why.
const (
	spareMemory  = 96 << 10
	spareForByte = 8
)

func TestHostileMemory(t *testing.T) {
	var most, mostFor float64
	for _, message := range []proto.Message{&proto3pb.All{}, &proto2pb.All{}, &openpb.All{}, &opaquepb.All{}} {
		kind := message.ProtoReflect().Type()
		for name, data := range hostile(kind.Descriptor()) {
			var err error
			want := allocated(func() { err = proto.Unmarshal(data, kind.New().Interface()) })
			limit := want + want/4 + spareMemory + spareForByte*uint64(len(data))
			if err != nil {
				limit += want
			}
			for variant, options := range variants {
				got := allocated(func() { _ = options.Decode(data, kind.New().Interface()) })
				if got > limit {
					t.Errorf("%s %s, %s: %d bytes allocate %d, with protobuf %d (%v)", kind.Descriptor().FullName(), variant, name, len(data), got, want, err)
				}
				most = max(most, float64(got)/float64(limit))
				mostFor = max(mostFor, float64(got)/float64(len(data)))
			}
		}
	}
	t.Logf("up to %.0f times the data, and %.2f of the limit", mostFor, most)
}

// allocated returns how many bytes of memory run takes.
func allocated(run func()) uint64 {
	run() // what is made once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// hostile returns messages of which each makes one field cost as much as it can, and rows of messages of which the first,
// or every second one, has that field.
func hostile(message protoreflect.MessageDescriptor) map[string][]byte {
	all := map[string][]byte{}
	for k := range message.Fields().Len() {
		field := message.Fields().Get(k)
		name := string(field.Name())
		for version, least := range leastFields(field, 2) {
			if version != 0 {
				name += "'"
			}
			all[name] = bytes.Repeat(least, hostileBytes/len(least))
			rest := protowire.AppendBytes(protowire.AppendTag(nil, 100_000, protowire.BytesType), make([]byte, hostileBytes))
			all[name+" and nothing else"] = append(bytes.Clone(least), rest...)
		}
	}
	return all
}

// leastFields returns the shortest ways to write a field: empty, and with each field of the message that it holds.
func leastFields(field protoreflect.FieldDescriptor, depth int) (all [][]byte) {
	tag := func(kind protowire.Type) []byte { return protowire.AppendTag(nil, field.Number(), kind) }
	switch field.Kind() {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		all = append(all, append(tag(protowire.Fixed32Type), 1, 0, 0, 0))
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		all = append(all, append(tag(protowire.Fixed64Type), 1, 0, 0, 0, 0, 0, 0, 0))
	case protoreflect.StringKind, protoreflect.BytesKind:
		all = append(all, append(tag(protowire.BytesType), 0), append(tag(protowire.BytesType), 1, 'x'))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		all = append(all, wrapped(field, nil))
		for k := 0; k < min(field.Message().Fields().Len(), 6) && depth > 0; k++ {
			for _, inner := range leastFields(field.Message().Fields().Get(k), depth-2) {
				all = append(all, wrapped(field, inner))
				// The first in a row has it, and the others are empty.
				row := append(wrapped(field, inner), bytes.Repeat(wrapped(field, nil), 500)...)
				all = append(all, row)
			}
		}
	default:
		all = append(all, append(tag(protowire.VarintType), 1))
	}
	if field.IsPacked() {
		all = append(all, append(tag(protowire.BytesType), 1, 1), append(tag(protowire.BytesType), 0))
	}
	return all
}

func wrapped(field protoreflect.FieldDescriptor, content []byte) []byte {
	if field.Kind() == protoreflect.GroupKind {
		b := append(protowire.AppendTag(nil, field.Number(), protowire.StartGroupType), content...)
		return protowire.AppendTag(b, field.Number(), protowire.EndGroupType)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, field.Number(), protowire.BytesType), content)
}

// With Singly, who keeps one string of a message keeps no other. Without it, the strings of a row lie in one copy.
func TestSingly(t *testing.T) {
	text := func(name string, i int) string {
		return fmt.Sprintf("%s %d, which is longer than what Go puts together", name, i)
	}
	message := &proto2pb.All{AString: proto.String(text("field", 0)), Pick: &proto2pb.All_FString{FString: text("oneof", 0)}, EText: map[string]string{}}
	for i := range 100 {
		message.CString = append(message.CString, text("list", i))
		message.CSmall = append(message.CSmall, &proto2pb.Small{Name: proto.String(text("message", i))})
		message.EText[text("key", i)] = text("value", i)
	}
	data, err := codec.Append(nil, message)
	if err != nil {
		t.Fatal(err)
	}
	keep := func(message *proto2pb.All) (kept []string) {
		kept = []string{message.GetAString(), message.GetFString(), message.CString[50], message.CSmall[50].GetName()}
		for key, value := range message.EText {
			if strings.Contains(key, "key 50,") {
				kept = append(kept, key, value)
			}
		}
		return kept
	}
	for _, singly := range []bool{true, false} {
		decoded := &proto2pb.All{}
		if err := (codec.Options{Singly: singly}).Decode(data, decoded); err != nil {
			t.Fatal(err)
		}
		kept := keep(decoded)
		var others []weak.Pointer[byte]
		for _, text := range append(keysAndValues(decoded.EText), decoded.CString...) {
			if !strings.Contains(text, " 50,") {
				others = append(others, weak.Make(unsafe.StringData(text)))
			}
		}
		for i, small := range decoded.CSmall {
			if i != 50 {
				others = append(others, weak.Make(unsafe.StringData(small.GetName())))
			}
		}
		decoded = nil
		runtime.GC()
		alive := 0
		for _, other := range others {
			if other.Value() != nil {
				alive++
			}
		}
		if len(kept) != 6 || len(others) != 4*99 || singly != (alive == 0) {
			t.Errorf("singly %v: %d strings keep %d of %d others", singly, len(kept), alive, len(others))
		}
		runtime.KeepAlive(kept)
	}
}

// keysAndValues returns the keys and values of a map.
func keysAndValues(texts map[string]string) (all []string) {
	for key, value := range texts {
		all = append(all, key, value)
	}
	return all
}

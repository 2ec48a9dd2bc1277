// SPDX-License-Identifier: Apache-2.0

package codec_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
)

// nested is a message with messages in it.
func nested() *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "quantity", Description: "negative"}, {Field: "card", Description: strings.Repeat("x", 300)},
	}}
}

func TestMessageComesAcross(t *testing.T) {
	for _, message := range []proto.Message{&wrapperspb.StringValue{}, wrapperspb.String("grün"), nested()} {
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		size, err := codec.Size(message)
		if size != len(want) || err != nil {
			t.Errorf("Size = %d, %v; want %d", size, err, len(want))
		}
		got, err := codec.Append([]byte("front"), message)
		if string(got) != "front"+string(want) || err != nil {
			t.Errorf("Append = %q, %v", got, err)
		}
		encoded, err := codec.Encode(message, 5)
		if err != nil || !bytes.Equal(encoded.B[5:], want) {
			t.Errorf("Encode = %q, %v", encoded.B, err)
		}
		encoded.Free()
		into := message.ProtoReflect().New().Interface()
		if err := codec.Decode(want, into); err != nil || !proto.Equal(into, message) {
			t.Errorf("Decode = %v, %v", into, err)
		}
		into = message.ProtoReflect().New().Interface()
		if err := (codec.Options{}).DecodeFresh(want, into); err != nil || !proto.Equal(into, message) {
			t.Errorf("DecodeFresh = %v, %v", into, err)
		}
	}
}

// Append must not trust sizes that an earlier Size noted.
func TestAppendAfterAChange(t *testing.T) {
	message := nested()
	if _, err := codec.Size(message); err != nil {
		t.Fatal(err)
	}
	message.FieldViolations[0].Field = strings.Repeat("q", 1000)
	encoded, err := codec.Append(nil, message)
	if err != nil {
		t.Fatal(err)
	}
	var got errdetails.BadRequest
	if err := codec.Decode(encoded, &got); err != nil || !proto.Equal(&got, message) {
		t.Errorf("%v, %v", err, &got)
	}
}

func TestDecodeReplacesTheMessage(t *testing.T) {
	into := wrapperspb.String("before")
	if err := codec.Decode(nil, into); err != nil || into.Value != "" {
		t.Errorf("after an empty message: %q, %v", into.Value, err)
	}
	many := nested()
	encoded, err := codec.Append(nil, many)
	if err != nil {
		t.Fatal(err)
	}
	if err := codec.Decode(encoded, many); err != nil || len(many.FieldViolations) != 2 {
		t.Errorf("%d violations, %v", len(many.FieldViolations), err)
	}
}

// The transport reuses what it handed to Decode.
func TestDecodeKeepsNothingOfTheInput(t *testing.T) {
	encoded, err := codec.Append(nil, &anypb.Any{TypeUrl: "t/x", Value: []byte("value")})
	if err != nil {
		t.Fatal(err)
	}
	var message anypb.Any
	raw := &farcall.Raw{}
	if err := errors.Join(codec.Decode(encoded, &message), codec.Decode(encoded, raw)); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(encoded)
	clear(encoded)
	if message.TypeUrl != "t/x" || string(message.Value) != "value" || !bytes.Equal(raw.Data, want) {
		t.Errorf("it changed with the input: %v, % x", &message, raw.Data)
	}
	if raw.Release == nil {
		t.Fatal("a decoded Raw has nothing to release")
	}
	raw.Done()
	if raw.Data != nil || raw.Release != nil {
		t.Error("a released Raw still has its data")
	}
}

func TestRawPassesUntouched(t *testing.T) {
	released := 0
	raw := &farcall.Raw{Data: []byte("\xff not protobuf"), Release: func() { released++ }}
	size, err := codec.Size(raw)
	if size != len(raw.Data) || err != nil {
		t.Errorf("Size = %d, %v", size, err)
	}
	got, err := codec.Append([]byte("front"), raw)
	if string(got) != "front\xff not protobuf" || err != nil {
		t.Errorf("encoded %q, %v", got, err)
	}
	encoded, err := codec.Encode(raw, 3)
	if err != nil || string(encoded.B[3:]) != "\xff not protobuf" {
		t.Errorf("encoded %q, %v", encoded.B, err)
	}
	encoded.Free()
	if released != 0 {
		t.Error("encoding released the Raw, which is its owner's to do")
	}
}

// unencodable has a string that is not UTF-8.
var unencodable = &status.Status{Message: "\xff"}

func TestWhatCannotBeEncoded(t *testing.T) {
	for want, message := range map[string]any{
		"nil was passed as a message":                                                 nil,
		"a nil *status.Status was passed as a message":                                (*status.Status)(nil),
		"a nil *farcall.Raw was passed as a message":                                  (*farcall.Raw)(nil),
		"a farcall.Raw was passed as a message: pass its address":                     farcall.Raw{},
		"a string was passed as a message: pass a generated message":                  "text",
		"a *int was passed as a message: pass a generated message":                    new(int),
		"a struct {} was passed as a message: pass a generated message":               struct{}{},
		"a []uint8 was passed as a message: pass a generated message":                 []byte("x"),
		"a status.Status was passed as a message: pass its address, a *status.Status": status.Status{},
	} {
		dst := []byte("kept")
		got, err := codec.Append(dst, message)
		check := func(operation string, err error) {
			if farcall.CodeOf(err) != farcall.Internal || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %T: %v, want %q", operation, message, err, want)
			}
		}
		check("Append", err)
		if string(got) != "kept" {
			t.Errorf("Append of %T left %q", message, got)
		}
		_, err = codec.Size(message)
		check("Size", err)
		check("Decode", codec.Decode(nil, message))
	}
	got, err := codec.Append([]byte("kept"), unencodable)
	if farcall.CodeOf(err) != farcall.Internal || string(got) != "kept" {
		t.Fatalf("Append of invalid UTF-8: %q, %v", got, err)
	}
	if want := "INTERNAL: cannot encode google.rpc.Status, field message: string field contains invalid UTF-8"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if !errors.Is(err, proto.Error) {
		t.Error("the protobuf error cannot be reached")
	}
}

func TestTextThatIsNotUTF8IsNamed(t *testing.T) {
	twice := nested()
	twice.FieldViolations[1].Description = "\xff"
	deep := &structpb.Struct{Fields: map[string]*structpb.Value{"k": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{
		structpb.NewNumberValue(1), structpb.NewStringValue("\xff"),
	}})}}
	for want, message := range map[string]proto.Message{
		"google.rpc.Status, field message:":                                            unencodable,
		"google.rpc.BadRequest, field field_violations[1].description:":                twice,
		`google.protobuf.Struct, field fields["k"].list_value.values[1].string_value:`: deep,
		`google.rpc.ErrorInfo, field metadata["a"]:`:                                   &errdetails.ErrorInfo{Metadata: map[string]string{"a": "\xff"}},
		`google.rpc.ErrorInfo, field metadata["\xff"]:`:                                &errdetails.ErrorInfo{Metadata: map[string]string{"\xff": "a", "b": "c", "d": "e", "f": "g"}},
	} {
		_, err := codec.Append(nil, message)
		if err == nil || !strings.Contains(err.Error(), "cannot encode "+want+" string field contains invalid UTF-8") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// The same from a peer that does not check: BadRequest with the description "\xff" in its second violation.
	err := codec.Decode([]byte("\x0a\x03\x0a\x01a\x0a\x06\x0a\x01b\x12\x01\xff"), &errdetails.BadRequest{})
	if err == nil || !strings.Contains(err.Error(), "google.rpc.BadRequest, field field_violations.description:") {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeDecoded(t *testing.T) {
	for data, want := range map[string]string{
		"\x0a":         "INTERNAL: cannot decode google.protobuf.StringValue: ",
		"\x0a\x05abc":  "INTERNAL: cannot decode google.protobuf.StringValue: ",
		"\x0a\x01\xff": "INTERNAL: cannot decode google.protobuf.StringValue, field value: string field contains invalid UTF-8",
	} {
		err := codec.Decode([]byte(data), wrapperspb.String("before"))
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "(do both sides have the same .proto?)") {
			t.Errorf("Decode(% x): %v, want %q", data, err, want)
			continue
		}
		if strings.Contains(err.Error(), "proto:") || strings.Contains(err.Error(), "\u00a0") || !errors.Is(err, proto.Error) {
			t.Errorf("the protobuf library shows through in %q", err)
		}
	}
}

func TestEncodingCostsNoAllocation(t *testing.T) {
	message, room := nested(), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		encoded, err := codec.Encode(message, 5)
		if err != nil {
			t.Fail()
		}
		encoded.Free()
		if _, err := codec.Append(room, message); err != nil {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever bytes come, Decode fails or gives a message that encodes and decodes to itself.
func FuzzDecode(f *testing.F) {
	seed, _ := codec.Append(nil, nested())
	f.Add(seed)
	f.Add([]byte("\x0a\x01\xff"))
	f.Add([]byte("\x0b\x0c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var message, again errdetails.BadRequest
		if err := codec.Decode(data, &message); err != nil {
			if farcall.CodeOf(err) != farcall.Internal {
				t.Errorf("%v", err)
			}
			return
		}
		encoded, err := codec.Append(nil, &message)
		if err != nil {
			t.Fatalf("% x decodes but does not encode: %v", data, err)
		}
		if size, err := codec.Size(&message); size != len(encoded) || err != nil {
			t.Errorf("Size = %d, %v; encoded in %d", size, err, len(encoded))
		}
		if err := codec.Decode(encoded, &again); err != nil || !proto.Equal(&message, &again) {
			t.Errorf("% x: %v", data, err)
		}
	})
}

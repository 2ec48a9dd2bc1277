// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/transcode"
)

// FuzzUnmarshal: what protojson accepts is accepted with the same result; what it refuses is refused with a place inside
// the text, with few words, and as malformed only if it is no JSON. What was accepted is written and read again.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{"orderId":"x","items":[{"sku":"a","quantity":1}],"labels":{"a":"b"},"created":"2026-01-02T03:04:05Z"}`,
		`{"extra":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"},"free":{"a":[1,null]}}`,
		`{"card":"a","voucher":"b"}`, `{"items":[{"quantity":1e10}]}`, `[`, `{"a":1,}`, `{"orderId":"\ud83d\ude00"}`, "{\n\"é\":\xff}",
		`{"status":"PAID","status":1}`, `{"prices":{"1":"NaN"}}`, `{"mask":"a.b,c"}`, `{"limit":null,"nothing":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, want := newOrder(), newOrder()
		err := transcode.Unmarshal(data, got)
		if oracle := protojson.Unmarshal(data, want); (err == nil) != (oracle == nil) {
			t.Fatalf("%q: %v, but protojson says %v", data, err, oracle)
		}
		if err == nil {
			roundTrip(t, got, want)
			return
		}
		var refused *transcode.Error
		if !errors.As(err, &refused) || len(err.Error()) > 2000 || refused.Reason == "" {
			t.Fatalf("%q: %T %.200v", data, err, err)
		}
		if refused.Line < 0 || refused.Line > bytes.Count(data, []byte("\n"))+1 || refused.Column > len(data)+1 {
			t.Fatalf("%q: %v is outside", data, err)
		}
		if refused.Malformed && json.Valid(data) && bytes.Equal(bytes.ToValidUTF8(data, nil), data) && !bytes.Contains(data, []byte(`\u`)) {
			t.Fatalf("%q: %v, but encoding/json reads it", data, err)
		}
	})
}

func roundTrip(t *testing.T, got, want proto.Message) {
	t.Helper()
	text, err := transcode.Append(nil, got)
	if err != nil {
		return // a value such as an Any with an invalid content has no JSON form
	}
	var indented bytes.Buffer
	if json.Indent(&indented, text, "", "") != nil || json.Compact(&indented, text) != nil {
		t.Fatalf("%s is not JSON", text)
	}
	again, expected := newOrder(), newOrder()
	oracle, err := protojson.Marshal(want)
	if err != nil {
		t.Fatalf("protojson does not write what was written as %s: %v", text, err)
	}
	same, err := protojson.Marshal(got)
	var compact bytes.Buffer
	if err != nil || json.Compact(&compact, same) != nil || compact.String() != string(text) {
		t.Fatalf("written as %s, by protojson as %s, %v", text, same, err)
	}
	if protojson.Unmarshal(text, again) != nil || protojson.Unmarshal(oracle, expected) != nil || !proto.Equal(again, expected) {
		t.Fatalf("written as %s, by protojson as %s", text, oracle)
	}
}

// noDigits finds exponents that lack their digits, which protojson lets pass.
var noDigits = regexp.MustCompile(`([0-9][eE][+-]?)([^0-9+-]|$)`)

// FuzzUnmarshalField: no text for one field sets another.
func FuzzUnmarshalField(f *testing.F) {
	for _, seed := range []string{`"x"`, `"x","total":5`, `"x"}`, `null`, `[1,2]`, `{"a":"b"}`, `"x"}{"total":1`} {
		f.Add([]byte(seed), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, number uint8) {
		fields := newOrder().Descriptor().Fields()
		field := fields.Get(int(number) % fields.Len())
		message := newOrder()
		if err := transcode.UnmarshalField(data, message, field); err != nil {
			return
		}
		if !json.Valid(noDigits.ReplaceAll(data, []byte("${1}0${2}"))) {
			t.Fatalf("%q was accepted for %s", data, field.Name())
		}
		message.Clear(field)
		if proto.Size(message) != 0 {
			t.Fatalf("%q for %s also set %v", data, field.Name(), message)
		}
	})
}

// FuzzAppendJSON: any bytes become the JSON that protojson writes of them, or are refused by both.
func FuzzAppendJSON(f *testing.F) {
	f.Add(encodedOrder(f))
	f.Add(append(encodedOrder(f), encodedOrder(f)...))
	order := transcode.New(newOrder().Descriptor(), transcode.Options{})
	for _, text := range []string{`{"labels":{"a":"b"},"prices":{"1":2},"nested":{"labels":{"x":""}}}`, `{"history":[1],"codes":[0,1],"extra":{}}`} {
		encoded, err := order.AppendMessage(nil, []byte(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		message := newOrder()
		err := decode(encoded, message)
		if errors.Is(err, errPanic) {
			return
		}
		var want []byte
		if err == nil {
			want, err = protojson.Marshal(message)
		}
		var compact bytes.Buffer
		if err == nil && json.Compact(&compact, want) != nil {
			t.Fatalf("%s", want)
		}
		got, ourErr := order.AppendJSON(nil, encoded)
		if (err == nil) != (ourErr == nil) || err == nil && compact.String() != string(got) {
			t.Fatalf("%x:\n%s, %v, but protojson says\n%s, %v", encoded, got, ourErr, compact.String(), err)
		}
	})
}

var errPanic = errors.New("protobuf's decoder panics")

// decode is proto.Unmarshal for a dynamic message, with which that panics if a map's key comes twice, and the second time
// with a wire type that is not its own.
func decode(encoded []byte, message proto.Message) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return proto.Unmarshal(encoded, message)
}

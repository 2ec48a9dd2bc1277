// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/farcall/farcall/transcode"
)

// readOrder reads text by way of bytes.
func readOrder(t testing.TB, text string, options transcode.Options) (proto.Message, error) {
	t.Helper()
	order := newOrder()
	encoded, err := transcode.New(order.Descriptor(), options).AppendMessage([]byte("front"), []byte(text))
	if !strings.HasPrefix(string(encoded), "front") || err != nil && len(encoded) != len("front") {
		t.Fatalf("%q, %v", encoded, err)
	}
	if err == nil {
		if err := proto.Unmarshal(encoded[len("front"):], order); err != nil {
			t.Fatalf("%x: %v", encoded, err)
		}
	}
	return order, err
}

// What has a length is inside of what has one, and each takes one, two or three bytes.
func TestLengths(t *testing.T) {
	for _, size := range []int{0, 1, 60, 120, 124, 125, 126, 127, 128, 129, 200, 16370, 16380, 16384, 20000} {
		filler, text := strings.Repeat("x", size), "{}"
		for range 5 {
			text = fmt.Sprintf(`{"nested":%s,"orderId":"%s","items":[{"sku":"%[2]s"},{}],"labels":{"k":"%[2]s"},"free":{"a":["%[2]s"]},`+
				`"extra":{"@type":"x/google.protobuf.StringValue","value":"%[2]s"},"note":"after"}`, text, filler)
		}
		want := newOrder()
		if err := protojson.Unmarshal([]byte(text), want); err != nil {
			t.Fatal(err)
		}
		if got, err := readOrder(t, text, transcode.Options{}); err != nil || !proto.Equal(got, want) {
			t.Errorf("%d: %v, %v", size, got, err)
		}
	}
}

func TestOptionsIn(t *testing.T) {
	for text, want := range map[string]string{
		`{"orderId":"x","unknown":{"a":[1,{"b":null}]},"status":"NO_SUCH","history":["PAID","NO_SUCH"]}`: `{"orderId":"x","history":["PAID"]}`,
		`{"extra":{"no":"type"},"none":{"a":1},"items":[{"color":"red"}]}`:                               `{"extra":{},"none":{},"items":[{}]}`,
	} {
		got, err := readOrder(t, text, transcode.Options{DiscardUnknown: true})
		expected := newOrder()
		if err := protojson.Unmarshal([]byte(want), expected); err != nil {
			t.Fatal(err)
		}
		if err != nil || !proto.Equal(got, expected) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if _, err := readOrder(t, text, transcode.Options{}); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	for text, want := range map[string]string{
		`{"orderId":{"not":"text"},"items":[{"sku":"a"}],"orderId":"y","items":[{"sku":"b","sku":"c"}]}`: `{"orderId":"y","items":[{"sku":"c"}]}`,
		`{"labels":{"a":"1","\u0061":"2"},"card":"x","card":null}`:                                       `{"labels":{"a":"2"}}`,
		`{"extra":{"@type":"no/such","value":5,"@type":"x/google.protobuf.Int32Value","value":7}}`:       `{"extra":{"@type":"x/google.protobuf.Int32Value","value":7}}`,
		`{"free":{"a":1,"b":{"c":[{"d":1,"d":2}]},"a":[]}}`:                                              `{"free":{"a":[],"b":{"c":[{"d":2}]}}}`,
	} {
		got, err := readOrder(t, text, transcode.Options{AllowDuplicateNames: true})
		expected, expectedErr := readOrder(t, want, transcode.Options{})
		if err != nil || expectedErr != nil || !proto.Equal(got, expected) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if _, err := readOrder(t, text, transcode.Options{}); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
	const late = "{\"orderId\":\"a\nb\",\n\"orderId\":\"x\",\"order_id\":\"y\"}"
	if _, err := readOrder(t, late, transcode.Options{AllowDuplicateNames: true}); err == nil || !strings.HasPrefix(err.Error(), "line 1, column 14: malformed JSON: ") {
		t.Error(err)
	}
	_, err := readOrder(t, strings.ReplaceAll(late, "a\nb", "a"), transcode.Options{AllowDuplicateNames: true})
	if err == nil || err.Error() != "line 2, column 15: order_id: it is there twice" {
		t.Error(err)
	}
	nested := `{"nested":{"nested":{}}}`
	if _, err := readOrder(t, nested, transcode.Options{RecursionLimit: 3}); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		nested: "line 1, column 21: nested.nested: exceeded max recursion depth",
		`{"nested":` + "\n" + ` {"free":{"a":{}}}}`:                      "line 2, column 10: nested.free: exceeded max recursion depth",
		`{"no":[[` + "\n[]]]}":                                           "line 1, column 8: no[0]: exceeded max recursion depth",
		`{"nested":{"extra":{"@type":"x/google.protobuf.FileOptions"}}}`: "line 1, column 20: nested.extra: exceeded max recursion depth",
		`{"extra":{"@type":"x/google.protobuf.FileOptions"}}`:            "line 1, column 10: extra: exceeded max recursion depth",
	} {
		if _, err := readOrder(t, text, transcode.Options{RecursionLimit: 2, DiscardUnknown: true}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// Neither piles of messages whose lengths grow nor those of Anys whose "@type" comes late are read more often the deeper
// they are: with each level read again, each of these would take minutes.
func TestDeepIn(t *testing.T) {
	const levels = 4000
	filler := strings.Repeat("x", 2<<20)
	text := strings.Repeat(`{"nested":`, levels) + `{"orderId":"` + filler + `"}` + strings.Repeat(`}`, levels)
	if _, err := readOrder(t, text, transcode.Options{}); err != nil {
		t.Error(err)
	}
	const inner = `"@type":"x/google.protobuf.Any"`
	text = strings.Repeat(`{"value":`, levels) + `{"value":"` + filler + `","@type":"x/google.protobuf.StringValue"}` + strings.Repeat(`,`+inner+`}`, levels)
	encoded, err := transcode.New((&anypb.Any{}).ProtoReflect().Descriptor(), transcode.Options{}).AppendMessage(nil, []byte(text))
	if err != nil {
		t.Error(err)
	}
	if again, err := transcode.New((&anypb.Any{}).ProtoReflect().Descriptor(), transcode.Options{}).AppendJSON(nil, encoded); err != nil || len(again) != len(text) {
		t.Errorf("%d bytes, %v", len(again), err)
	}
	if _, err := readOrder(t, strings.Repeat(`{"nested":`, 10_001)+`{}`, transcode.Options{}); err == nil {
		t.Error("10,001 levels were accepted")
	}
	if _, err := readOrder(t, `{"free":{"a":`+strings.Repeat(`[`, 1_000_000), transcode.Options{}); err == nil {
		t.Error("a million brackets were accepted")
	}
	if _, err := readOrder(t, `{"no":`+strings.Repeat(`[`, 1_000_000), transcode.Options{DiscardUnknown: true}); err == nil {
		t.Error("a million brackets were accepted")
	}
}

// A Converter belongs to everybody, and tables are made by whoever comes first.
func TestConcurrentUse(t *testing.T) {
	text := appendJSON(t, encodedOrder(t), transcode.Options{})
	var everybody sync.WaitGroup
	for range 4 {
		everybody.Go(func() {
			for range 20 {
				c := transcode.New(buildOrderFile().Messages().ByName("Order"), transcode.Options{})
				encoded, err := c.AppendMessage(nil, []byte(text))
				if err != nil {
					t.Error(err)
					return
				}
				if again, err := c.AppendJSON(nil, encoded); err != nil || string(again) != text {
					t.Errorf("%s, %v", again, err)
				}
			}
		})
	}
	everybody.Wait()
}

// messageSet is a message set, as a file says that the protobuf library does not read any more.
type messageSet struct{ protoreflect.MessageDescriptor }

func (messageSet) IsMessageSet() bool { return true }

func TestMessageSetsHaveNoForm(t *testing.T) {
	empty := transcode.New((&emptypb.Empty{}).ProtoReflect().Descriptor(), transcode.Options{})
	if _, err := empty.AppendMessage(nil, []byte("{}")); err != nil {
		t.Error(err)
	}
	set := transcode.New(messageSet{(&emptypb.Empty{}).ProtoReflect().Descriptor()}, transcode.Options{})
	if encoded, err := set.AppendMessage(nil, []byte("{}")); err == nil {
		t.Errorf("read as %x", encoded)
	}
	if text, err := set.AppendJSON(nil, nil); err == nil {
		t.Errorf("written as %s", text)
	}
}

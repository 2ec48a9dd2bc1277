// SPDX-License-Identifier: Apache-2.0

//go:build !race

package transcode_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/farcall/farcall/transcode"
)

// hostileSize is less than a server accepts by default, 4 MiB, because the tests take their time; what counts is the proportion.
const hostileSize = 1 << 20

// mostMemory is how many times its size the conversion of an input may allocate, the result included. A buffer that grows by itself
// allocates five times what it ends with, and holds twice as much at a time.
const mostMemory = 40

// filled repeats a piece, with its number in the place of "#", until the text has the size that an attacker may send.
func filled(front, piece, back string) []byte {
	var b bytes.Buffer
	b.WriteString(front)
	for n := 0; b.Len()+len(piece)+8+len(back) < hostileSize; n++ {
		if n > 0 {
			b.WriteString(",")
		}
		b.WriteString(strings.ReplaceAll(piece, "#", short(n)))
	}
	b.WriteString(back)
	return b.Bytes()
}

// short writes a number with as few printable characters as possible.
func short(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&()*+-./:;<=>?@[]^_{|}~"
	var b []byte
	for first := true; first || n > 0; first = false {
		b = append(b, digits[n%len(digits)])
		n /= len(digits)
	}
	return string(b)
}

// nest puts a piece around itself, depth times.
func nest(front, back string, depth int) string {
	return strings.Repeat(front, depth) + "{}" + strings.Repeat(back, depth)
}

// allocated returns how many bytes a function allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestMemoryOfHostileJSON: whatever a text is, to convert it takes memory in proportion, and so does the way back.
func TestMemoryOfHostileJSON(t *testing.T) {
	order, tree := newOrder().Descriptor(), (&structpb.Struct{}).ProtoReflect().Descriptor()
	last, discard := transcode.Options{AllowDuplicateNames: true}, transcode.Options{DiscardUnknown: true}
	for name, tc := range map[string]struct {
		message protoreflect.MessageDescriptor
		options transcode.Options
		text    []byte
	}{
		"entries of a map":           {order, transcode.Options{}, filled(`{"labels":{`, `"#":""`, `}}`)},
		"the same entry of a map":    {order, transcode.Options{}, filled(`{"labels":{`, `"":""`, `}}`)},
		"entries of numbers":         {order, transcode.Options{}, filled(`{"prices":{`, `"1":0`, `}}`)},
		"members of a Struct":        {tree, transcode.Options{}, filled(`{`, `"#":0`, `}`)},
		"nulls in a Struct":          {tree, transcode.Options{}, filled(`{"a":[`, `null`, `]}`)},
		"objects in a Struct":        {tree, transcode.Options{}, filled(`{"a":[`, `{}`, `]}`)},
		"numbers in a Struct":        {tree, transcode.Options{}, filled(`{"a":[`, `0`, `]}`)},
		"empty messages":             {order, transcode.Options{}, filled(`{"items":[`, `{}`, `]}`)},
		"fields out of order":        {order, transcode.Options{}, filled(`{"items":[`, `{"quantity":1,"sku":"a"}`, `]}`)},
		"long messages":              {order, transcode.Options{}, filled(`{"items":[`, `{"sku":"`+strings.Repeat("a", 128)+`"}`, `]}`)},
		"numbers":                    {order, transcode.Options{}, filled(`{"codes":[`, `1`, `]}`)},
		"the same member, refused":   {order, transcode.Options{}, filled(`{`, `"paid":true`, `}`)},
		"the same member, the last":  {order, last, filled(`{`, `"paid":true`, `}`)},
		"the same short member":      {tree, last, filled(`{`, `"":0`, `}`)},
		"the same member, escaped":   {tree, last, filled(`{`, `"\u0061":0`, `}`)},
		"members, the last":          {tree, last, filled(`{`, `"#":0`, `}`)},
		"members in their like":      {tree, last, filled(`{"a":[`, nest(`{"":`, `,"":0}`, 4000), `]}`)},
		"unknown members, refused":   {order, transcode.Options{}, filled(`{`, `"#":0`, `}`)},
		"unknown members, discarded": {order, discard, filled(`{`, `"#":0`, `}`)},
		"unknown objects, discarded": {order, discard, filled(`{"x":[`, `{"@type":0}`, `]}`)},
		"deep":                       {order, transcode.Options{}, filled(`{"items":[],"free":{"a":[`, nest(`{"a":`, `}`, 4000), `]}}`)},
		"too deep":                   {order, transcode.Options{}, []byte(nest(`{"nested":`, `}`, hostileSize/11))},
		"too deep in arrays":         {tree, transcode.Options{}, []byte(`{"a":` + strings.Repeat("[", hostileSize-10))},
		"Anys with their types late": {order, transcode.Options{}, filled(`{"extra":{"value":[`, `{"a":{},"@type":""}`, `],"@type":"x/google.protobuf.ListValue"}}`)},
		"a name that never ends":     {order, transcode.Options{}, append([]byte(`{"`), bytes.Repeat([]byte{'a'}, hostileSize-2)...)},
		"a text of escapes":          {order, transcode.Options{}, []byte(`{"orderId":"` + strings.Repeat(`\n`, hostileSize/2-10) + `"}`)},
		"a number of digits":         {order, transcode.Options{}, []byte(`{"ratio":` + strings.Repeat("1", hostileSize-20) + `}`)},
		"paths of a mask":            {order, transcode.Options{}, []byte(`{"mask":"` + strings.Repeat("a,", hostileSize/2-10) + `a"}`)},
	} {
		c := transcode.New(tc.message, tc.options)
		var encoded []byte
		var err error
		in := allocated(func() { encoded, err = c.AppendMessage(nil, tc.text) })
		if in > mostMemory*hostileSize {
			t.Errorf("%s: %d bytes allocate %d", name, len(tc.text), in)
		}
		if err == nil {
			out := allocated(func() { _, _ = c.AppendJSON(nil, encoded) })
			if out > mostMemory*uint64(max(len(encoded), hostileSize)) {
				t.Errorf("%s: back from %d bytes allocates %d", name, len(encoded), out)
			}
		}
	}
}

// TestMemoryOfHostileBytes: the same for bytes that no encoder would write.
func TestMemoryOfHostileBytes(t *testing.T) {
	order := newOrder().Descriptor()
	c := transcode.New(order, transcode.Options{})
	number := func(name protoreflect.Name) byte { return byte(order.Fields().ByName(name).Number()) }
	for name, piece := range map[string][]byte{
		"empty entries of a map":  {number("labels")<<3 | 2, 0},
		"a field again and again": {number("limit")<<3 | 2, 0, number("items")<<3 | 2, 0},
		"a scalar again":          {number("status") << 3, 1},
		"fields in turns":         {number("items")<<3 | 2, 0, number("status") << 3, 1},
	} {
		data := bytes.Repeat(piece, hostileSize/len(piece))
		out := allocated(func() { _, _ = c.AppendJSON(nil, data) })
		if out > mostMemory*hostileSize {
			t.Errorf("%s: %d bytes allocate %d", name, len(data), out)
		}
	}
}

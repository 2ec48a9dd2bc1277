// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/bench/codec/messagespb"
	"github.com/farcall/farcall/bench/codec/pooledpb"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/transcode"
)

// load is a message, and what the systems do with it.
type load struct {
	name   string
	bytes  int
	encode []task
	decode []task
	write  []task // JSON
	read   []task
}

// task is what is measured.
type task struct {
	system string
	run    func() error
}

// The systems. Those that are marked as apart do not do the same: they hand out memory that must not be kept, or take it
// from pools to which it must be given back.
const (
	protobufGo  = "protobuf-go"
	vtprotobuf  = "vtprotobuf"
	farcall     = "farcall"
	vtUnsafe    = "vtprotobuf unsafe"
	vtPool      = "vtprotobuf pool"
	farcallLend = "farcall alias"

	// Of JSON: from and to a message, and from and to the bytes of one.
	jsonMessage    = "protojson"
	jsonBytes      = "protojson and proto"
	farcallMessage = "farcall message"
	farcallBytes   = "farcall bytes"
)

// vtMessage is a message with the methods of vtprotobuf.
type vtMessage[T any] interface {
	*T
	proto.Message
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVT([]byte) error
	UnmarshalVTUnsafe([]byte) error
}

// pooledMessage is one that comes from a pool.
type pooledMessage interface {
	UnmarshalVT([]byte) error
	ReturnToVTPool()
}

// newLoad returns the tasks for a message. The ones for encoding write into a buffer that is large enough; the ones for
// decoding make a new message, but for the one with the pool.
func newLoad[T any, M vtMessage[T], P pooledMessage](name string, message M, fromPool func() P) load {
	data, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	room := make([]byte, 0, len(data)+4096)
	var kept M // so that the message is made on the heap
	write, read := jsonTasks[T, M](message, data)
	return load{
		name: name, bytes: len(data), write: write, read: read,
		encode: []task{
			{protobufGo, func() error {
				_, err := proto.MarshalOptions{}.MarshalAppend(room, message)
				return err
			}},
			{vtprotobuf, func() error {
				_, err := message.MarshalToSizedBufferVT(room[:message.SizeVT()])
				return err
			}},
			{farcall, func() error {
				_, err := codec.Append(room, message)
				return err
			}},
		},
		decode: []task{
			{protobufGo, func() error {
				kept = new(T)
				return proto.Unmarshal(data, kept)
			}},
			{vtprotobuf, func() error {
				kept = new(T)
				return kept.UnmarshalVT(data)
			}},
			{farcall, func() error {
				kept = new(T)
				return codec.Decode(data, kept)
			}},
			{vtUnsafe, func() error {
				kept = new(T)
				return kept.UnmarshalVTUnsafe(data)
			}},
			{vtPool, func() error {
				pooled := fromPool()
				err := pooled.UnmarshalVT(data)
				pooled.ReturnToVTPool()
				return err
			}},
			{farcallLend, func() error {
				kept = new(T)
				return codec.Options{Alias: true}.Decode(data, kept)
			}},
		},
	}
}

// jsonTasks returns the tasks for a message's JSON. What is written goes into a buffer that is large enough; messages are made
// anew, as above.
func jsonTasks[T any, M vtMessage[T]](message M, data []byte) (write, read []task) {
	converter := transcode.New(message.ProtoReflect().Descriptor(), transcode.Options{})
	text, err := converter.AppendJSON(nil, data)
	if err != nil {
		panic(err)
	}
	room := make([]byte, 0, len(text)+len(text)/4+4096)
	encoded := make([]byte, 0, len(text)+4096)
	var kept M
	write = []task{
		{jsonMessage, func() error {
			_, err := protojson.MarshalOptions{}.MarshalAppend(room, message)
			return err
		}},
		{farcallMessage, func() error {
			bytes, err := codec.Append(encoded, message)
			if err == nil {
				_, err = converter.AppendJSON(room, bytes)
			}
			return err
		}},
		{jsonBytes, func() error {
			kept = new(T)
			err := proto.Unmarshal(data, kept)
			if err == nil {
				_, err = protojson.MarshalOptions{}.MarshalAppend(room, kept)
			}
			return err
		}},
		{farcallBytes, func() error {
			_, err := converter.AppendJSON(room, data)
			return err
		}},
	}
	read = []task{
		{jsonMessage, func() error {
			kept = new(T)
			return protojson.Unmarshal(text, kept)
		}},
		{farcallMessage, func() error {
			bytes, err := converter.AppendMessage(encoded, text)
			if err == nil {
				kept = new(T)
				err = codec.Decode(bytes, kept)
			}
			return err
		}},
		{jsonBytes, func() error {
			kept = new(T)
			err := protojson.Unmarshal(text, kept)
			if err == nil {
				_, err = proto.MarshalOptions{}.MarshalAppend(encoded, kept)
			}
			return err
		}},
		{farcallBytes, func() error {
			_, err := converter.AppendMessage(encoded, text)
			return err
		}},
	}
	return write, read
}

// loads are the messages that are measured.
func loads() []load {
	return []load{
		newLoad("Charge", charge(0), pooledpb.ChargeFromVTPool),
		newLoad("Charge, 50 items", charge(50), pooledpb.ChargeFromVTPool),
		newLoad("Charge, 1,000 items", charge(1000), pooledpb.ChargeFromVTPool),
		newLoad("strings", texts(), pooledpb.TextsFromVTPool),
		newLoad("maps", maps(), pooledpb.MapsFromVTPool),
		newLoad("100 levels deep", node(100), pooledpb.NodeFromVTPool),
		newLoad("packed numbers", numbers(), pooledpb.NumbersFromVTPool),
		newLoad("1 MiB of bytes", blob(), pooledpb.BlobFromVTPool),
		newLoad("20 optional fields", profile(), pooledpb.ProfileFromVTPool),
	}
}

// charge is the request of the benchmark of calls: 91 bytes without items.
func charge(items int) *messagespb.Charge {
	c := &messagespb.Charge{
		IdempotencyKey: "3f1c2a90-77d1-4a1e-9f6e-0b8c5d2e4a11", OrderId: "order-2026-000042", Card: "tok_visa_4242",
		Amount: &messagespb.Money{CurrencyCode: "EUR", Units: 1249, Nanos: 990000000},
	}
	for i := range items {
		c.Items = append(c.Items, &messagespb.Item{
			Sku: fmt.Sprintf("SKU-%06d", i), Quantity: int32(i%7 + 1),
			Price: &messagespb.Money{CurrencyCode: "EUR", Units: int64(i) + 1, Nanos: 500000000},
		})
	}
	return c
}

// texts is a page of text: lines of 0 to 160 bytes, some of them not ASCII.
func texts() *messagespb.Texts {
	const line = "the quick brown fox jumps over the lazy dog, and the dog does not mind: "
	t := &messagespb.Texts{Title: "On foxes and dogs", Author: "Jürgen Müller", Body: strings.Repeat(line, 20)}
	for i := range 100 {
		text := strings.Repeat(line, 3)[:i*16/10]
		if i%10 == 0 {
			text += " für Elise, 世界"
		}
		t.Lines = append(t.Lines, text)
	}
	return t
}

func maps() *messagespb.Maps {
	m := &messagespb.Maps{Labels: map[string]string{}, Balances: map[int64]*messagespb.Money{}, Counters: map[string]int64{}}
	for i := range int64(50) {
		m.Labels[fmt.Sprintf("label-%02d", i)] = fmt.Sprintf("the value of label %d", i)
		m.Balances[i*1000003] = &messagespb.Money{CurrencyCode: "EUR", Units: i * 100, Nanos: 1000000}
		m.Counters[fmt.Sprintf("counter-%02d", i)] = i * i * i
	}
	return m
}

func node(levels int) *messagespb.Node {
	n := &messagespb.Node{Name: fmt.Sprintf("level %d", levels), Number: int64(levels)}
	if levels > 1 {
		n.Inner = node(levels - 1)
	}
	return n
}

func numbers() *messagespb.Numbers {
	n := &messagespb.Numbers{}
	for i := range 1000 {
		n.Identifiers = append(n.Identifiers, int64(i)*int64(i)*1000003)
		n.Deltas = append(n.Deltas, int32(i%100))
		n.Offsets = append(n.Offsets, int64(500-i)*37)
		n.Samples = append(n.Samples, math.Sqrt(float64(i)))
		n.Colors = append(n.Colors, uint32(i)*0x010203)
		n.Flags = append(n.Flags, i%3 == 0)
	}
	return n
}

func blob() *messagespb.Blob {
	return &messagespb.Blob{Name: "photo.jpeg", MediaType: "image/jpeg", Content: bytes.Repeat([]byte("\xff\xd8\xff\xe0"), 1<<18)}
}

func profile() *messagespb.Profile {
	return &messagespb.Profile{
		Name: proto.String("Ada Lovelace"), Email: proto.String("ada@example.com"), Phone: proto.String("+44 20 7946 0000"),
		City: proto.String("London"), Country: proto.String("GB"), Age: proto.Int32(36), Created: proto.Int64(1767225600),
		Updated: proto.Int64(1798761600), Active: proto.Bool(true), Verified: proto.Bool(false), Score: proto.Float64(0.75),
		Weight: proto.Float32(61.5), Visits: proto.Uint32(1815), BytesUsed: proto.Uint64(1 << 33), Fingerprint: proto.Uint64(0x1234567890abcdef),
		Balance: proto.Int32(-250), Level: messagespb.Level_LEVEL_PLUS.Enum(), Digest: []byte("0123456789abcdef"),
		Locale: proto.String("en-GB"), Logins: proto.Int32(77),
	}
}

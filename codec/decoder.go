// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"encoding/binary"
	"math"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/runtime/protoiface"

	"github.com/farcall/farcall/internal/fallback"
)

// Decoder is for generated code.
//
// A position in the data is an int that is handed from call to call; less than 0 says that the data is not a message. No
// more is said then: protobuf is asked what is wrong with it.
type Decoder struct {
	data     []byte
	text     text
	slabs    [4]slab
	numbers  scalars // what fields of optional presence point to
	headers  scalars
	near     int    // how many messages follow the one that is decoded in a row, 0 if it stands in none
	row      int    // the length of all messages of the row
	length   int    // the length of the one that is decoded
	depth    int    // how many messages deeper it may go
	group    uint64 // the number of the innermost group, 0 outside of groups
	required bool   // there are messages with fields that must be set
	alias    bool   // text and bytes are not copied
}

// decodeGenerated replaces what message holds by what data says.
func decodeGenerated(data []byte, message generated, options Options) error {
	message.Reset()
	return decodeFresh(data, message, options)
}

// decodeFresh is decodeGenerated for a message that has nothing in it.
func decodeFresh(data []byte, message generated, options Options) error {
	var d Decoder // on the stack
	d.data, d.depth, d.alias, d.text.singly = data, protowire.DefaultRecursionLimit-1, options.Alias, options.Singly
	if message.Farcall_decode(unescaped(&d), 0, len(data)) != len(data) {
		return decodeAgain(data, message, true)
	}
	if d.required && proto.CheckInitialized(message) != nil {
		return decodeAgain(data, message, false)
	}
	return nil
}

// decodeAgain lets protobuf say what is wrong. It takes messages with required fields missing in what it will decode later,
// but nothing else that generated code does not take.
func decodeAgain(data []byte, message generated, report bool) error {
	err := decodeProtobuf(data, message)
	if err == nil && report {
		fallback.Report(message)
	}
	return err
}

// Data returns the data up to end.
func (d *Decoder) Data(end int) []byte { return d.data[:end] }

// Long says which bits a Pair has unless it is a tag of one byte and a varint of one byte behind it: a number, or the
// length of what follows. The wire types 0 and 2 have neither of the bits 1 and 4, and a byte that ends a varint has not
// the bit 0x80.
const Long = 0x8085

// Pair returns two bytes, the second one above the first; all bits if there are not two.
func Pair(b []byte, i int) uint64 {
	if i+1 < len(b) {
		return uint64(b[i]) | uint64(b[i+1])<<8
	}
	return 0xffff
}

// Head reads any tag and, for the wire types 0 and 2, the varint behind it. The tag is 0 if that fails, which is no tag
// of a field, and the position is good in any case.
func (d *Decoder) Head(i, end int) (tag, v uint64, next int) {
	if i+9 <= len(d.data) { // there is a word behind the first byte
		word := binary.LittleEndian.Uint64(d.data[i+1:])
		switch tag = uint64(d.data[i]); {
		case tag >= 0x80:
		case tag&5 != 0:
			return tag, 0, i + 1
		case word&0x8080 == 0x80 && i+3 <= end: // two bytes
			return tag, word&0x7f | word>>1&0x3f80, i + 3
		default:
			ends := ^word & highBits
			if next = i + 2 + bits.TrailingZeros64(ends)/8; next <= end && ends != 0 {
				return tag, squeeze(word & (ends ^ (ends - 1))), next
			}
		}
	}
	return d.longHead(i, end)
}

func (d *Decoder) longHead(i, end int) (tag, v uint64, next int) {
	tag, next = d.varint(i, end)
	if next >= 0 && tag&5 == 0 {
		v, next = d.varint(next, end)
	}
	if next < 0 {
		return 0, 0, i
	}
	return tag, v, next
}

// varint reads what ends by end.
func (d *Decoder) varint(i, end int) (uint64, int) {
	if i < end && d.data[i] < 0x80 {
		return uint64(d.data[i]), i + 1
	}
	if i+8 <= len(d.data) {
		word := binary.LittleEndian.Uint64(d.data[i:])
		if ends := ^word & highBits; ends != 0 {
			i += bits.TrailingZeros64(ends)/8 + 1
			if i > end {
				return 0, -1
			}
			return squeeze(word & (ends ^ (ends - 1))), i
		}
	}
	v, n := protowire.ConsumeVarint(d.data[i:end])
	if n < 0 {
		return 0, -1
	}
	return v, i + n
}

// squeeze returns the number that the 7-bit groups in the bytes of word make, which is 0 behind them.
func squeeze(word uint64) uint64 {
	word = word&0x007f007f007f007f | word&0x7f007f007f007f00>>1
	word = word&0x00003fff00003fff | word&0x3fff00003fff0000>>2
	return word&0x000000000fffffff | word&0x0fffffff00000000>>4
}

// Fixed32 reads a fixed32.
func (d *Decoder) Fixed32(i, end int) (uint32, int) {
	if i+4 > end {
		return 0, -1
	}
	return binary.LittleEndian.Uint32(d.data[i:]), i + 4
}

// Fixed64 reads a fixed64.
func (d *Decoder) Fixed64(i, end int) (uint64, int) {
	if i+8 > end {
		return 0, -1
	}
	return binary.LittleEndian.Uint64(d.data[i:]), i + 8
}

// Sfixed32 reads an sfixed32.
func (d *Decoder) Sfixed32(i, end int) (int32, int) {
	v, i := d.Fixed32(i, end)
	return int32(v), i
}

// Sfixed64 reads an sfixed64.
func (d *Decoder) Sfixed64(i, end int) (int64, int) {
	v, i := d.Fixed64(i, end)
	return int64(v), i
}

// Float reads a float.
func (d *Decoder) Float(i, end int) (float32, int) {
	v, i := d.Fixed32(i, end)
	return math.Float32frombits(v), i
}

// Double reads a double.
func (d *Decoder) Double(i, end int) (float64, int) {
	v, i := d.Fixed64(i, end)
	return math.Float64frombits(v), i
}

// UnZigZag returns what a sint32 or sint64 on the wire is.
func UnZigZag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// Enter begins a message of n bytes and returns where it ends, -1 if it does not fit or is too deep.
func (d *Decoder) Enter(i, end int, n uint64) int {
	if n > uint64(end-i) || d.depth == 0 {
		return -1
	}
	d.depth--
	return i + int(n)
}

// Leave ends a message that Enter has begun; i is where its decoding stopped.
func (d *Decoder) Leave(i, to int) int {
	d.depth++
	if i != to {
		return -1
	}
	return to // which was known before i
}

// EnterGroup begins a group, and returns what LeaveGroup wants; -1 if it is too deep.
func (d *Decoder) EnterGroup(number uint64) (outer int) {
	if d.depth == 0 {
		return -1
	}
	d.depth--
	outer, d.group = int(d.group), number
	return outer
}

// LeaveGroup ends a group that EnterGroup has begun; i is where its decoding stopped.
func (d *Decoder) LeaveGroup(i, outer int) int {
	d.depth++
	d.group = uint64(outer)
	if i >= -1 { // an error, or no end mark
		return -1
	}
	return ^i
}

// Required says that the message has fields that must be set, or may have them in extensions.
func (d *Decoder) Required() { d.required = true }

// Message decodes n bytes into a message that is generated elsewhere, and may have no fast path.
func (d *Decoder) Message(message proto.Message, i, end int, n uint64) int {
	to := d.Enter(i, end, n)
	if to < 0 {
		return -1
	}
	if message, ok := message.(generated); ok {
		return d.Leave(message.Farcall_decode(d, i, to), to)
	}
	return d.Leave(d.decodeOther(message, i, to), to)
}

// Group is Message for a group.
func (d *Decoder) Group(message proto.Message, i, end int, number uint64) int {
	outer := d.EnterGroup(number)
	if outer < 0 {
		return -1
	}
	if message, ok := message.(generated); ok {
		return d.LeaveGroup(message.Farcall_decode(d, i, end), outer)
	}
	content, n := protowire.ConsumeGroup(protowire.Number(number), d.data[i:end])
	if n < 0 || d.protobuf(message, i, i+len(content)) < 0 {
		return d.LeaveGroup(-1, outer)
	}
	return d.LeaveGroup(^(i + n), outer)
}

// protobuf merges what is there from i to end into message. The message has been entered.
func (d *Decoder) protobuf(message proto.Message, i, end int) int {
	options := proto.UnmarshalOptions{Merge: true, AllowPartial: true, RecursionLimit: d.depth + 1}
	out, err := options.UnmarshalState(protoiface.UnmarshalInput{Buf: d.data[i:end], Message: message.ProtoReflect()})
	if err != nil {
		return -1
	}
	if out.Flags&protoiface.UnmarshalInitialized == 0 {
		d.required = true
	}
	return end
}

// Unknown keeps a field that the message does not have, or has with another wire type. i is where its tag begins.
func (d *Decoder) Unknown(fields *[]byte, i, end int) int {
	number, kind, begin, to := d.field(i, end)
	if begin < 0 {
		return to
	}
	*fields = append(protowire.AppendTag(*fields, number, kind), d.data[begin:to]...)
	return to
}

// Extension decodes a field that may be an extension into message, to which it belongs. i is where its tag begins.
func (d *Decoder) Extension(message proto.Message, i, end int) int {
	if _, _, begin, to := d.field(i, end); begin >= 0 {
		return d.protobuf(message, i, to)
	} else {
		return to
	}
}

// Skip leaves a field of a map's entry out that is neither key nor value. i is where its tag begins.
func (d *Decoder) Skip(i, end int) int {
	_, _, _, to := d.field(i, end)
	return to
}

// field finds the value of a field whose tag begins at i. Where there is none, begin is -1 and end what Farcall_decode
// must return.
func (d *Decoder) field(i, end int) (number protowire.Number, kind protowire.Type, begin, to int) {
	tag, begin := d.varint(i, end)
	n := tag >> 3
	if begin < 0 || n < uint64(protowire.MinValidNumber) || n > uint64(protowire.MaxValidNumber) {
		return 0, 0, -1, -1
	}
	number, kind = protowire.Number(n), protowire.Type(tag&7)
	if kind == protowire.EndGroupType && n == d.group {
		return 0, 0, -1, ^begin
	}
	length := protowire.ConsumeFieldValue(number, kind, d.data[begin:end])
	if length < 0 {
		return 0, 0, -1, -1
	}
	return number, kind, begin, begin + length
}

// run returns how many whole fields in a row there are from i on that have the same tag, of wire type 2, as the one that
// begins there, and where they end.
func (d *Decoder) run(i, end int) (count, to int) {
	b := d.data[:end]
	for tag := b[i]; tag < 0x80; { // the usual case: tag and length have one byte each
		next := i + 2
		if next > len(b) || b[i+1] >= 0x80 {
			break
		}
		next += int(b[i+1])
		if next > len(b) {
			return count, i
		}
		i = next
		count++
		if i == len(b) || b[i] != tag {
			return count, i
		}
	}
	more, to := d.longRun(i, end)
	return count + more, to
}

// longRun is run for tags and lengths of any size.
func (d *Decoder) longRun(i, end int) (count, to int) {
	_, begin := d.varint(i, end)
	if begin < 0 {
		return 0, i
	}
	tag := d.data[i:begin]
	for ; ; count++ {
		n, next := d.varint(begin, end)
		if next < 0 || n > uint64(end-next) {
			return count, i
		}
		i = next + int(n)
		begin = i + len(tag)
		if begin > end || d.data[i] != tag[0] || len(tag) > 1 && string(d.data[i:begin]) != string(tag) {
			return count + 1, i
		}
	}
}

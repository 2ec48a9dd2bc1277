// SPDX-License-Identifier: Apache-2.0

package transcode

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// form is the JSON form of a message.
type form uint8

const (
	membersForm form = iota // an object whose members are the fields
	emptyForm               // the same, but in an Any
	timestampForm
	durationForm
	maskForm
	structForm
	listForm
	valueForm
	wrapperForm
	anyForm
	refusedForm // a message set, which has no JSON form
)

var knownForms = map[protoreflect.FullName]form{
	"google.protobuf.Empty": emptyForm, "google.protobuf.Timestamp": timestampForm, "google.protobuf.Duration": durationForm,
	"google.protobuf.FieldMask": maskForm, "google.protobuf.Struct": structForm, "google.protobuf.ListValue": listForm,
	"google.protobuf.Value": valueForm, "google.protobuf.Any": anyForm, "google.protobuf.BoolValue": wrapperForm,
	"google.protobuf.Int32Value": wrapperForm, "google.protobuf.Int64Value": wrapperForm, "google.protobuf.UInt32Value": wrapperForm,
	"google.protobuf.UInt64Value": wrapperForm, "google.protobuf.FloatValue": wrapperForm, "google.protobuf.DoubleValue": wrapperForm,
	"google.protobuf.StringValue": wrapperForm, "google.protobuf.BytesValue": wrapperForm,
}

// table is a type of messages as the conversion needs it. It never changes once it is published.
type table struct {
	descriptor protoreflect.MessageDescriptor
	form       form
	fields     []field // in the order of the .proto file, which is that of the members
	ascending  bool    // that order is the one of the numbers as well, in which encoders write
	extensible bool
	dense      []*field                    // by number, those below its length
	sparse     map[protowire.Number]*field // the others
	names      map[string]*field           // both names of each
	marks      int                         // how many bits it takes to note which fields and oneofs have been seen
}

// field is a field as the conversion needs it.
type field struct {
	descriptor protoreflect.FieldDescriptor
	rank       int32 // its place in the table
	oneof      int32 // the mark of its oneof; -1 without one
	kind       protoreflect.Kind
	wire       protowire.Type // of one value
	list       bool
	isMap      bool
	packed     bool // is to be written packed
	presence   bool // its zero value can be set
	nullable   bool // null is a value of it
	extension  bool
	plain      bool   // one that plainValue reads
	checked    bool   // text of it must be UTF-8 also where the binary form alone counts
	tag        string // in front of each value, or of them all if packed
	endTag     string // of a group
	name       string // `,"name":`
	quotedName string // `,"name":"`
	protoName  string
	jsonName   string // what is expected in a text, quotes included
	message    *table
	enum       *enum
	key, value *field // of a map
	entry      *table
}

// enum is an enum as the conversion needs it.
type enum struct {
	descriptor protoreflect.EnumDescriptor
	isNull     bool     // google.protobuf.NullValue
	dense      []string // the names in quotes, by number
	sparse     map[int32]string
	numbers    map[string]int32
}

// maxTables bounds how many tables are kept: a program that makes descriptors all the time must not fill the memory
// with them. Those beyond are made anew for each Converter and each Any.
const maxTables = 1 << 15

// published has the table of each descriptor that has been met.
var (
	published      sync.Map // protoreflect.MessageDescriptor to *table
	publishedCount atomic.Int32
	publishing     sync.Mutex
)

func tableOf(message protoreflect.MessageDescriptor) *table {
	if found, ok := published.Load(message); ok {
		return found.(*table)
	}
	publishing.Lock()
	defer publishing.Unlock()
	b := builder{}
	t := b.table(message)
	if int(publishedCount.Load())+len(b) <= maxTables {
		for descriptor, made := range b {
			if _, loaded := published.LoadOrStore(descriptor, made); !loaded {
				publishedCount.Add(1)
			}
		}
	}
	return t
}

// builder makes tables, each once: they may refer to each other in circles.
type builder map[protoreflect.MessageDescriptor]*table

func (b builder) table(message protoreflect.MessageDescriptor) *table {
	if found, ok := published.Load(message); ok {
		return found.(*table)
	}
	if found := b[message]; found != nil {
		return found
	}
	descriptors := message.Fields()
	t := &table{
		descriptor: message, form: formOf(message), ascending: true, extensible: message.ExtensionRanges().Len() > 0,
		fields: make([]field, descriptors.Len()), names: make(map[string]*field, 2*descriptors.Len()),
		marks: descriptors.Len() + message.Oneofs().Len(),
	}
	b[message] = t
	top := protowire.Number(0)
	for i := range t.fields {
		f := &t.fields[i]
		b.field(f, descriptors.Get(i), int32(i), int32(len(t.fields)))
		number := descriptors.Get(i).Number()
		t.ascending = t.ascending && number > top
		top = max(top, number)
	}
	t.dense = make([]*field, min(int(top)+1, 4*len(t.fields)+64))
	for i := range t.fields {
		f := &t.fields[i]
		if number := f.descriptor.Number(); int(number) < len(t.dense) {
			t.dense[number] = f
		} else {
			if t.sparse == nil {
				t.sparse = make(map[protowire.Number]*field)
			}
			t.sparse[number] = f
		}
		if text := f.descriptor.TextName(); t.names[text] == nil {
			t.names[text] = f
		}
	}
	for i := range t.fields { // these win over the others
		t.names[t.fields[i].descriptor.JSONName()] = &t.fields[i]
	}
	return t
}

// formOf is membersForm also for what is only called like a known type.
func formOf(message protoreflect.MessageDescriptor) form {
	if set, ok := message.(interface{ IsMessageSet() bool }); ok && set.IsMessageSet() { // its options would link descriptorpb
		return refusedForm
	}
	known := knownForms[message.FullName()]
	if known == wrapperForm && message.Fields().ByNumber(1) == nil {
		return membersForm
	}
	kinds := map[form][]protoreflect.Kind{
		timestampForm: {protoreflect.Int64Kind, protoreflect.Int32Kind},
		durationForm:  {protoreflect.Int64Kind, protoreflect.Int32Kind},
		maskForm:      {protoreflect.StringKind}, structForm: {protoreflect.MessageKind}, listForm: {protoreflect.MessageKind},
		anyForm: {protoreflect.StringKind, protoreflect.BytesKind},
		valueForm: {protoreflect.EnumKind, protoreflect.DoubleKind, protoreflect.StringKind, protoreflect.BoolKind,
			protoreflect.MessageKind, protoreflect.MessageKind},
	}[known]
	for i, kind := range kinds {
		if field := message.Fields().ByNumber(protowire.Number(i + 1)); field == nil || field.Kind() != kind || message.Fields().Len() != len(kinds) {
			return membersForm
		}
	}
	return known
}

func (b builder) field(f *field, d protoreflect.FieldDescriptor, rank, fields int32) {
	*f = field{
		descriptor: d, rank: rank, oneof: -1, kind: d.Kind(), wire: wireOf(d.Kind()), list: d.IsList(), isMap: d.IsMap(),
		packed: d.IsPacked(), presence: d.HasPresence(), name: memberName(d.JSONName()), protoName: memberName(d.TextName()),
	}
	f.jsonName, f.quotedName = f.name[1:len(f.name)-1], f.name+`"`
	if oneof := d.ContainingOneof(); oneof != nil {
		f.oneof = fields + int32(oneof.Index())
	}
	switch f.kind {
	case protoreflect.StringKind, protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		f.plain = !f.list && !f.presence
	}
	wire := f.wire
	if f.packed {
		wire = protowire.BytesType
	}
	f.tag = string(protowire.AppendTag(nil, d.Number(), wire))
	if f.wire == protowire.StartGroupType {
		f.endTag = string(protowire.AppendTag(nil, d.Number(), protowire.EndGroupType))
	}
	if enforcing, ok := d.(interface{ EnforceUTF8() bool }); ok {
		f.checked = enforcing.EnforceUTF8()
	} else {
		f.checked = d.ParentFile().Syntax() == protoreflect.Proto3
	}
	switch {
	case f.isMap:
		f.key, f.value, f.entry = new(field), new(field), b.table(d.Message())
		b.field(f.key, d.MapKey(), 0, 0)
		b.field(f.value, d.MapValue(), 1, 0)
	case d.Message() != nil:
		f.message = b.table(d.Message())
		f.nullable = d.Message().FullName() == "google.protobuf.Value"
	case d.Enum() != nil:
		f.enum = newEnum(d.Enum())
		f.nullable = f.enum.isNull
	}
}

// extensions has the field of each extension that has been met.
var extensions sync.Map // protoreflect.FieldDescriptor to *field

// extension returns a field that is not in the table, behind all that are.
func (t *table) extension(d protoreflect.FieldDescriptor) *field {
	if found, ok := extensions.Load(d); ok {
		return found.(*field)
	}
	f := new(field)
	builder{}.field(f, d, int32(len(t.fields)), 0)
	f.extension = true
	if publishedCount.Load() < maxTables {
		publishedCount.Add(1)
		extensions.Store(d, f)
	}
	return f
}

// memberName returns what stands in front of the value of a member that is not the first.
func memberName(name string) string {
	quoted, _ := appendString([]byte{','}, []byte(name))
	return string(append(quoted, ':'))
}

func newEnum(d protoreflect.EnumDescriptor) *enum {
	values := d.Values()
	e := &enum{descriptor: d, isNull: d.FullName() == "google.protobuf.NullValue", numbers: make(map[string]int32, values.Len())}
	e.sparse = make(map[int32]string, values.Len())
	for i := range values.Len() {
		value := values.Get(i)
		number := int32(value.Number())
		e.numbers[string(value.Name())] = number
		if _, alias := e.sparse[number]; !alias { // the first name of a number counts
			e.sparse[number] = `"` + string(value.Name()) + `"`
		}
	}
	for name := e.sparse[0]; name != ""; name = e.sparse[int32(len(e.dense))] {
		e.dense = append(e.dense, name)
	}
	return e
}

// name returns a number's name in quotes, "" if it has none.
func (e *enum) name(number int32) string {
	if number >= 0 && int(number) < len(e.dense) {
		return e.dense[number]
	}
	return e.sparse[number]
}

func (t *table) byNumber(number protowire.Number) *field {
	if int(number) < len(t.dense) {
		return t.dense[number]
	}
	return t.sparse[number]
}

func wireOf(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	default:
		return protowire.VarintType
	}
}

// varint reads one at i. The next place is 0 if there is none.
func varint(data []byte, i, end int) (value uint64, next int) {
	if i < end && data[i] < 0x80 {
		return uint64(data[i]), i + 1
	}
	value, n := binary.Uvarint(data[i:end])
	if n <= 0 {
		return 0, 0
	}
	return value, i + n
}

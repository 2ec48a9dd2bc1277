// SPDX-License-Identifier: Apache-2.0

package breaking

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func (c *comparison) messages(all protoreflect.MessageDescriptors) {
	for n := range all.Len() {
		was := all.Get(n)
		if was.IsMapEntry() {
			continue // it is compared as its field's type
		}
		now, ok := c.now(was).(protoreflect.MessageDescriptor)
		if !ok {
			c.report(Source, c.around(was), was, "the message %s is gone, or has another name", was.FullName())
			continue // and so is all in it
		}
		c.message(was, now)
		c.messages(was.Messages())
		c.enums(was.Enums())
		c.extensions(was.Extensions())
	}
}

func (c *comparison) message(was, now protoreflect.MessageDescriptor) {
	for n := range was.Fields().Len() {
		field := was.Fields().Get(n)
		if same := now.Fields().ByNumber(field.Number()); same != nil {
			c.field(field, same)
			continue
		}
		c.fieldGone(field, now)
	}
	for n := range now.Fields().Len() {
		c.fieldNew(now.Fields().Get(n), was)
	}
	for n := range was.ExtensionRanges().Len() {
		span := was.ExtensionRanges().Get(n)
		if !now.ExtensionRanges().Has(span[0]) || !now.ExtensionRanges().Has(span[1]-1) {
			c.report(Wire, now, was, "the extensions of %s had the numbers %d to %d, which are not all theirs any more", was.Name(), span[0], span[1]-1)
		}
	}
}

// fieldGone reports a field whose number nobody has any more.
func (c *comparison) fieldGone(was protoreflect.FieldDescriptor, message protoreflect.MessageDescriptor) {
	if moved := message.Fields().ByName(was.Name()); moved != nil {
		c.report(Wire, moved, was, "the field %s had the number %d and has %d", was.Name(), was.Number(), moved.Number())
		return
	}
	hint := ""
	if !message.ReservedRanges().Has(was.Number()) {
		hint = fmt.Sprintf(": its number could be used again, unless there is \"reserved %d;\"", was.Number())
	}
	c.report(Source, message, was, "the field %s, with the number %d, is gone%s", was.Name(), was.Number(), hint)
}

// fieldNew reports a field that has what was reserved.
func (c *comparison) fieldNew(now protoreflect.FieldDescriptor, message protoreflect.MessageDescriptor) {
	if message.ReservedRanges().Has(now.Number()) {
		c.report(Wire, now, message, "the field %s has the number %d, which was reserved", now.Name(), now.Number())
	}
	if message.ReservedNames().Has(now.Name()) {
		c.report(Source, now, message, "the field %s has a name that was reserved", now.Name())
	}
	if message.ExtensionRanges().Has(now.Number()) {
		c.report(Wire, now, message, "the field %s has the number %d, which was one of the extensions'", now.Name(), now.Number())
	}
}

// field compares two fields with the same number.
func (c *comparison) field(was, now protoreflect.FieldDescriptor) {
	if was.Name() != now.Name() {
		if before, after := describe(was), describe(now); before != after {
			c.report(Wire, now, was, "the number %d was that of %s %s, and is used for %s %s", was.Number(), before, was.Name(), after, now.Name())
			return
		}
		c.report(Source, now, was, "the field %s, with the number %d, has the name %s now, in Go and in JSON", was.Name(), was.Number(), now.Name())
	} else if was.JSONName() != now.JSONName() {
		c.report(Source, now, was, "the field %s had the name %s in JSON and has %s", was.Name(), was.JSONName(), now.JSONName())
	}
	if c.cardinality(was, now) {
		c.fieldType(was, now)
	}
	c.oneof(was, now)
	if was.HasDefault() || now.HasDefault() {
		if before, after := was.Default(), now.Default(); was.Kind() == now.Kind() && was.Kind() != protoreflect.EnumKind && !before.Equal(after) {
			c.report(Wire, now, was, "the field %s had the default %v and has %v", was.Name(), before, after)
		}
	}
}

// cardinality reports whether the types are still worth comparing.
func (c *comparison) cardinality(was, now protoreflect.FieldDescriptor) bool {
	switch {
	case was.IsMap() != now.IsMap() && was.IsList() != now.IsList():
		severity := Wire
		if c.sameEntries(was.Message(), now.Message()) { // a map is a list of its entries
			severity = Source
		}
		c.report(severity, now, was, "the field %s was %s and is %s", was.Name(), describe(was), describe(now))
		return false
	case (was.Cardinality() == protoreflect.Repeated) != (now.Cardinality() == protoreflect.Repeated):
		c.report(Wire, now, was, "the field %s was %s and is %s", was.Name(), describe(was), describe(now))
		return false
	case (was.Cardinality() == protoreflect.Required) != (now.Cardinality() == protoreflect.Required):
		c.report(Wire, now, was, "the field %s was %s and is %s", was.Name(), describe(was), describe(now))
	case was.HasPresence() != now.HasPresence() && real(was) == nil && real(now) == nil:
		c.report(Source, now, was, "the field %s %s presence (optional), and %s", was.Name(), has(was.HasPresence(), "had", "had no"), has(now.HasPresence(), "has it now", "has it no more"))
	}
	return true
}

// sameEntries reports whether two messages, of which one is a map's entry or nil, have a key and a value of the same types.
func (c *comparison) sameEntries(was, now protoreflect.MessageDescriptor) bool {
	if was == nil || now == nil {
		return false
	}
	for _, number := range []protoreflect.FieldNumber{1, 2} {
		before, after := was.Fields().ByNumber(number), now.Fields().ByNumber(number)
		if before == nil || after == nil || c.typeChange(before, after) != "" {
			return false
		}
	}
	return true
}

func has(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}

// fieldType compares the types of fields, of a map's the key and the value.
func (c *comparison) fieldType(was, now protoreflect.FieldDescriptor) {
	if was.IsMap() && now.IsMap() {
		before, after := describe(was), describe(now)
		for _, pair := range [][2]protoreflect.FieldDescriptor{{was.MapKey(), now.MapKey()}, {was.MapValue(), now.MapValue()}} {
			if severity := c.typeChange(pair[0], pair[1]); severity != "" {
				c.report(severity, now, was, "the field %s was %s and is %s", was.Name(), before, after)
			}
		}
		return
	}
	switch severity := c.typeChange(was, now); severity {
	case Wire:
		c.report(severity, now, was, "the field %s was %s and is %s", was.Name(), describe(was), describe(now))
	case Source:
		c.report(severity, now, was, "the field %s was %s and is %s: the same on the wire, where values fit", was.Name(), describe(was), describe(now))
	}
}

// typeChange returns what a change of type breaks, "" if there is none.
func (c *comparison) typeChange(was, now protoreflect.FieldDescriptor) Severity {
	switch {
	case encoding(was.Kind()) != encoding(now.Kind()):
		return Wire
	case was.Message() != nil && c.nameNow(was.Message()) != now.Message().FullName(),
		was.Enum() != nil && now.Enum() != nil && c.nameNow(was.Enum()) != now.Enum().FullName():
		return Wire
	case was.Kind() != now.Kind():
		return Source
	}
	return ""
}

// encoding returns the kind that stands for all that a reader of the one also reads of the other
// (protobuf.dev/programming-guides/proto3/#updating).
func encoding(kind protoreflect.Kind) protoreflect.Kind {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.BoolKind, protoreflect.EnumKind:
		return protoreflect.Int64Kind
	case protoreflect.Sint32Kind:
		return protoreflect.Sint64Kind
	case protoreflect.Sfixed32Kind:
		return protoreflect.Fixed32Kind
	case protoreflect.Sfixed64Kind:
		return protoreflect.Fixed64Kind
	case protoreflect.StringKind:
		return protoreflect.BytesKind
	}
	return kind
}

// describe returns a field's label and type as the .proto has them.
func describe(field protoreflect.FieldDescriptor) string {
	if field.IsMap() {
		return fmt.Sprintf("map<%s, %s>", describe(field.MapKey()), describe(field.MapValue()))
	}
	name := field.Kind().String()
	switch {
	case field.Message() != nil:
		name = string(field.Message().FullName())
		if field.Kind() == protoreflect.GroupKind {
			name = "delimited " + name
		}
	case field.Enum() != nil:
		name = string(field.Enum().FullName())
	}
	switch field.Cardinality() {
	case protoreflect.Repeated:
		return "repeated " + name
	case protoreflect.Required:
		return "required " + name
	}
	return name
}

// real returns the oneof that a field is in, nil for those that optional makes.
func real(field protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if oneof := field.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		return oneof
	}
	return nil
}

// oneof reports a field that moved into a oneof, or out of one: setting another field of it clears this one.
func (c *comparison) oneof(was, now protoreflect.FieldDescriptor) {
	before, after := real(was), real(now)
	switch {
	case before == nil && after == nil:
	case after == nil:
		c.report(Wire, now, was, "the field %s was in the oneof %s and is in none", was.Name(), before.Name())
	case before == nil:
		severity := Source
		message := was.ContainingMessage()
		for n := range after.Fields().Len() {
			other := after.Fields().Get(n)
			if message != nil && other != now && message.Fields().ByNumber(other.Number()) != nil {
				severity = Wire // a writer of before may have set both
			}
		}
		c.report(severity, now, was, "the field %s was in no oneof and is in %s", was.Name(), after.Name())
	case before.Name() != after.Name():
		severity := Source // the oneof has another name
		for n := range before.Fields().Len() {
			other := now.ContainingMessage().Fields().ByNumber(before.Fields().Get(n).Number())
			if other != nil && real(other) != after {
				severity = Wire
			}
		}
		c.report(severity, now, was, "the field %s was in the oneof %s and is in %s", was.Name(), before.Name(), after.Name())
	}
}

func (c *comparison) extensions(all protoreflect.ExtensionDescriptors) {
	for n := range all.Len() {
		was := all.Get(n)
		now, ok := c.now(was).(protoreflect.ExtensionDescriptor)
		switch {
		case !ok:
			c.report(Source, c.around(was), was, "the extension %s, with the number %d, is gone, or has another name", was.FullName(), was.Number())
		case was.Number() != now.Number() || c.nameNow(was.ContainingMessage()) != now.ContainingMessage().FullName():
			c.report(Wire, now, was, "the extension %s had the number %d of %s and has %d of %s", was.Name(),
				was.Number(), was.ContainingMessage().FullName(), now.Number(), now.ContainingMessage().FullName())
		default:
			c.field(was, now)
		}
	}
}

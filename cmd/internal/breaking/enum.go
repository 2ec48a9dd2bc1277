// SPDX-License-Identifier: Apache-2.0

package breaking

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func (c *comparison) enums(all protoreflect.EnumDescriptors) {
	for n := range all.Len() {
		was := all.Get(n)
		now, ok := c.now(was).(protoreflect.EnumDescriptor)
		if !ok {
			c.report(Source, c.around(was), was, "the enum %s is gone, or has another name", was.FullName())
			continue
		}
		c.enum(was, now)
	}
}

func (c *comparison) enum(was, now protoreflect.EnumDescriptor) {
	if was.IsClosed() != now.IsClosed() {
		c.report(Wire, now, was, "the enum %s was %s and is %s: readers treat values that they do not know differently",
			was.Name(), has(was.IsClosed(), "closed", "open"), has(now.IsClosed(), "closed", "open"))
	}
	for n := range was.Values().Len() {
		c.value(was.Values().Get(n), now)
	}
	if before, after := was.Values().Get(0), now.Values().Get(0); was.IsClosed() && before.Number() != after.Number() {
		c.report(Wire, after, was, "the enum %s had the default %s and has %s", was.Name(), before.Name(), after.Name())
	}
	for n := range now.Values().Len() {
		value := now.Values().Get(n)
		if was.ReservedRanges().Has(value.Number()) {
			c.report(Wire, value, was, "the value %s has the number %d, which was reserved", value.Name(), value.Number())
		}
		if was.ReservedNames().Has(value.Name()) {
			c.report(Source, value, was, "the value %s has a name that was reserved", value.Name())
		}
	}
}

func (c *comparison) value(was protoreflect.EnumValueDescriptor, enum protoreflect.EnumDescriptor) {
	if same := enum.Values().ByName(was.Name()); same != nil {
		if same.Number() != was.Number() {
			c.report(Wire, same, was, "the value %s had the number %d and has %d", was.Name(), was.Number(), same.Number())
		}
		return
	}
	if other := enum.Values().ByNumber(was.Number()); other != nil {
		c.report(Source, other, was, "the value %s, with the number %d, has the name %s now, in Go and in JSON", was.Name(), was.Number(), other.Name())
		return
	}
	severity, hint := Source, ""
	if enum.IsClosed() {
		severity = Wire // a reader of today takes it for an unknown field
	}
	if !enum.ReservedRanges().Has(was.Number()) {
		hint = fmt.Sprintf(": its number could be used again, unless there is \"reserved %d;\"", was.Number())
	}
	c.report(severity, enum, was, "the value %s, with the number %d, is gone%s", was.Name(), was.Number(), hint)
}

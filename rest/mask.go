// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/transcode"
)

// maxMaskNames bounds the paths of a mask: what lies deeper is named with all that is around it.
const maxMaskNames = 32

const fieldMask protoreflect.FullName = "google.protobuf.FieldMask"

// maskField returns the field of a PATCH request that says which fields of the body count: the only FieldMask of the
// message, or the one of several that is called update_mask. It is nil if there is none, or if the body is not one of the
// request's fields, which the paths of a mask are relative to.
func maskField(rule *schema.Rule, request protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	if rule.HTTPMethod != "PATCH" || !singular(rule.Body) || rule.Body.Message().FullName() == fieldMask {
		return nil
	}
	var found protoreflect.FieldDescriptor
	for i := range request.Fields().Len() {
		field := request.Fields().Get(i)
		if !singular(field) || field.Message().FullName() != fieldMask {
			continue
		}
		if found != nil {
			named := request.Fields().ByName("update_mask")
			if singular(named) && named.Message().FullName() == fieldMask {
				return named
			}
			return nil
		}
		found = field
	}
	return found
}

// setMask fills the route's mask with the fields that the body has, unless the query has given one.
func (r *route) setMask(in input, request protoreflect.Message) {
	if r.mask == nil || len(in.body) == 0 || request.Has(r.mask) {
		return
	}
	m := mask{}
	switch in.format {
	case formatJSON:
		m.readJSON(in.body, r.rule.Body.Message())
	case formatProtobuf:
		m.readMessage(request.Get(r.rule.Body).Message(), "", 1)
	default:
		return
	}
	if len(m.paths) == 0 {
		return
	}
	target := request.Mutable(r.mask).Message()
	paths := target.Mutable(target.Descriptor().Fields().ByNumber(1)).List()
	for _, path := range m.paths {
		paths.Append(protoreflect.ValueOfString(path))
	}
}

// mask collects the paths of fields.
type mask struct{ paths []string }

// descends reports whether the fields of a field are noted instead of it.
func (m *mask) descends(field protoreflect.FieldDescriptor, depth int) bool {
	return singular(field) && !wholeForm(field.Message()) && depth < maxMaskNames
}

// wholeForm reports whether a message is one value to JSON, or holds what has no field path.
func wholeForm(message protoreflect.MessageDescriptor) bool {
	if message.ParentFile() == nil || message.ParentFile().Package() != "google.protobuf" {
		return false
	}
	switch message.Name() {
	case "Any", "Struct", "Value", "ListValue", "Empty":
		return true
	}
	return schema.TextMessage(message)
}

// readMessage notes the fields that a message has.
func (m *mask) readMessage(message protoreflect.Message, prefix string, depth int) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !message.Has(field) {
			continue
		}
		before := len(m.paths)
		path := prefix + string(field.Name())
		if m.descends(field, depth) {
			m.readMessage(message.Get(field).Message(), path+".", depth+1)
		}
		if len(m.paths) == before {
			m.paths = append(m.paths, path)
		}
	}
}

// readJSON notes the fields that the JSON of a message has: also those that are null, which a PATCH clears. The text has been
// read as such a message, so what cannot be read here is not there.
func (m *mask) readJSON(text []byte, message protoreflect.MessageDescriptor) {
	if walk := transcode.NewWalk(text); walk.Open() {
		m.readObject(walk, message, "", 1)
	}
}

// readObject reads to the end of an object that has been opened.
func (m *mask) readObject(walk *transcode.Walk, message protoreflect.MessageDescriptor, prefix string, depth int) {
	for name, ok := walk.Next(); ok; name, ok = walk.Next() {
		field := schema.FieldByName(message, name, true)
		before := len(m.paths)
		if field != nil && m.descends(field, depth) && walk.Open() {
			m.readObject(walk, field.Message(), prefix+string(field.Name())+".", depth+1)
		} else {
			walk.Pass()
		}
		if field != nil && len(m.paths) == before {
			m.paths = append(m.paths, prefix+string(field.Name()))
		}
	}
}

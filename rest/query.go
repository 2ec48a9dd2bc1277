// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/transcode"
)

// maxNames bounds the field path of a query parameter: messages may hold themselves, and a short text should not make a
// deep message.
const maxNames = 32

// queryBinding puts the parameters of one query, or the parts of a form, into a message.
type queryBinding struct {
	route   *route
	message protoreflect.Message
	given   map[string]bool // the singular fields so far
	form    bool            // the parts are the body
}

// bind reads "name=value&name=value", percent-decoded and with "+" for a space.
func (q *queryBinding) bind(query string) error {
	for more := true; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name, queryText)
		if err != nil {
			return refuse(400, farcall.InvalidArgument, "the query: %w", err)
		}
		if name == "" {
			return refuse(400, farcall.InvalidArgument, "the query: a parameter without a name")
		}
		text, err := unescape(value, queryText)
		if err != nil {
			return refuse(400, farcall.InvalidArgument, "the query parameter %q: %w", clip(name), err)
		}
		if reason := q.set(name, text); reason != "" {
			return invalid(clip(name), fmt.Sprintf("the query parameter %q: %s", clip(name), reason))
		}
	}
	return nil
}

// set gives the field that name leads to the value of text. It returns why that cannot be, "" if it was done.
func (q *queryBinding) set(name, text string) (reason string) {
	name, key, hasKey := cutKey(name)
	path, reason := q.resolve(name)
	if reason != "" {
		return reason
	}
	leaf := path.Leaf()
	switch {
	case leaf.IsMap() && !hasKey:
		return fmt.Sprintf("it is a map: write %s[key]=value", clip(name))
	case hasKey && !leaf.IsMap():
		return fmt.Sprintf("%s is no map: it has no %q", clip(name), clip(key))
	case leaf.IsMap():
		if err := transcode.SetEntry(holder(q.message, path), leaf, key, text); err != nil {
			return err.Error()
		}
		return ""
	}
	if reason := q.once(path); reason != "" {
		return reason
	}
	if singular(leaf) && freeForm(leaf.Message()) {
		return setJSON(holder(q.message, path), leaf, []byte(text))
	}
	if err := transcode.SetText(holder(q.message, path), leaf, text); err != nil {
		return err.Error()
	}
	return ""
}

// freeForm reports whether a message is JSON of any form, so that its text is that.
func freeForm(message protoreflect.MessageDescriptor) bool {
	switch message.FullName() {
	case "google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value":
		return true
	}
	return false
}

// cutKey cuts "labels[key]" into the map's name and the key.
func cutKey(name string) (field, key string, ok bool) {
	field, key, ok = strings.Cut(name, "[")
	if !ok || !strings.HasSuffix(key, "]") {
		return name, "", false
	}
	return field, strings.TrimSuffix(key, "]"), true
}

// resolve returns the field that name leads to, or why it cannot be given here.
func (q *queryBinding) resolve(name string) (path schema.FieldPath, reason string) {
	rule := q.route.rule
	if rule.WholeBody && !q.form {
		return nil, fmt.Sprintf("%s takes its fields from the path and the body, none from the query", rule)
	}
	names := strings.Split(name, ".")
	if len(names) > maxNames {
		return nil, fmt.Sprintf("it has more than %d names", maxNames)
	}
	path, err := schema.ResolvePath(q.message.Descriptor(), names, true)
	if err != nil {
		var fault *schema.PathError
		if errors.As(err, &fault) && fault.Unknown {
			return nil, transcode.NoField(fault.Message, fault.Name)
		}
		return nil, err.Error()
	}
	for _, taken := range rule.Variables {
		if path.HasPrefix(taken) {
			return nil, fmt.Sprintf("%s takes it from the path", rule)
		}
	}
	switch inBody := rule.Body != nil && path[0].Number() == rule.Body.Number(); {
	case inBody && !q.form:
		return nil, fmt.Sprintf("%s takes it from the body", rule)
	case q.form && !inBody && !rule.WholeBody:
		return nil, fmt.Sprintf("%s takes it from the query", rule)
	}
	if other := q.otherOfOneof(path); other != nil {
		return nil, fmt.Sprintf("only one of it and %s may be given", other.JSONName())
	}
	return path, ""
}

// once refuses the second value of a field that holds one.
func (q *queryBinding) once(path schema.FieldPath) (reason string) {
	if path.Leaf().IsList() {
		return ""
	}
	if q.given[path.String()] {
		return "it is given twice"
	}
	if q.given == nil {
		q.given = make(map[string]bool)
	}
	q.given[path.String()] = true
	return ""
}

// otherOfOneof returns the field that setting path would clear, nil if there is none.
func (q *queryBinding) otherOfOneof(path schema.FieldPath) protoreflect.FieldDescriptor {
	message := q.message
	for _, field := range path {
		if oneof := field.ContainingOneof(); oneof != nil {
			if set := message.WhichOneof(oneof); set != nil && set.Number() != field.Number() {
				return set
			}
		}
		if field.Message() == nil || field.IsMap() || field.IsList() || !message.Has(field) {
			return nil
		}
		message = message.Get(field).Message()
	}
	return nil
}

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

// queryBinding puts the parameters of one query into a message.
type queryBinding struct {
	route   *route
	message protoreflect.Message
	given   map[string]bool // the singular fields so far
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
	rule := q.route.rule
	if rule.WholeBody {
		return fmt.Sprintf("%s takes its fields from the path and the body, none from the query", rule)
	}
	names := strings.Split(name, ".")
	if len(names) > maxNames {
		return fmt.Sprintf("it has more than %d names", maxNames)
	}
	path, err := schema.ResolvePath(q.message.Descriptor(), names, true)
	if err != nil {
		var fault *schema.PathError
		if errors.As(err, &fault) && fault.Unknown {
			return transcode.NoField(fault.Message, fault.Name)
		}
		return err.Error()
	}
	for _, taken := range rule.Variables {
		if path.HasPrefix(taken) {
			return fmt.Sprintf("%s takes it from the path", rule)
		}
	}
	if rule.Body != nil && path[0].Number() == rule.Body.Number() {
		return fmt.Sprintf("%s takes it from the body", rule)
	}
	if other := q.otherOfOneof(path); other != nil {
		return fmt.Sprintf("only one of it and %s may be given", other.JSONName())
	}
	leaf := path.Leaf()
	if !leaf.IsList() {
		if q.given[path.String()] {
			return "it is given twice"
		}
		if q.given == nil {
			q.given = make(map[string]bool)
		}
		q.given[path.String()] = true
	}
	if err := transcode.SetText(holder(q.message, path), leaf, text); err != nil {
		return err.Error()
	}
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

// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/schema"
)

// standard are the HTTP methods that an OpenAPI 3.1 document has a place for.
var standard = []string{"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"}

// custom is where the others go: the name that OpenAPI 3.2 has for them, as an extension.
const custom = "x-additionalOperations"

// operation is one route on its way.
type operation struct {
	document   *document
	method     *farcall.Method
	rule       *schema.Rule
	request    protoreflect.MessageDescriptor
	response   protoreflect.MessageDescriptor
	parameters []any
	taken      map[string]bool // the names of parameters
}

// addOperation adds the route of a rule, which is the method's number index.
func (d *document) addOperation(method *farcall.Method, rule *schema.Rule, index int) {
	o := &operation{document: d, method: method, rule: rule, taken: make(map[string]bool),
		request: method.NewRequest().ProtoReflect().Descriptor(), response: method.NewResponse().ProtoReflect().Descriptor()}
	path := o.path()
	item, _ := d.paths.get(path).(*object)
	if item == nil {
		item = newObject()
		d.paths.set(path, item)
	}
	written := o.write(index)
	if slices.Contains(standard, rule.HTTPMethod) {
		item.set(strings.ToLower(rule.HTTPMethod), written)
		return
	}
	more, _ := item.get(custom).(*object)
	if more == nil {
		more = newObject()
		item.set(custom, more)
	}
	more.set(rule.HTTPMethod, written)
}

func (o *operation) write(index int) *object {
	service := o.method.Service()
	id := strings.ReplaceAll(service, ".", "_") + "_" + o.method.Name()
	if index > 0 {
		id += fmt.Sprintf("_%d", index+1)
	}
	var comment string
	deprecated := false
	if o.method.Descriptor != nil {
		if descriptor := o.method.Descriptor(); descriptor != nil {
			comment = commentOf(descriptor)
			options, _ := descriptor.Options().(*descriptorpb.MethodOptions)
			parent, _ := descriptor.Parent().Options().(*descriptorpb.ServiceOptions)
			deprecated = options.GetDeprecated() || parent.GetDeprecated()
			o.document.addTag(service, commentOf(descriptor.Parent()))
		}
	}
	o.document.addTag(service, "")
	written := newObject("operationId", id, "tags", []any{service})
	written.setText("summary", summary(comment))
	written.setText("description", comment)
	if deprecated {
		written.set("deprecated", true)
	}
	o.addQuery()
	if len(o.parameters) > 0 {
		written.set("parameters", o.parameters)
	}
	if o.rule.HasBody() {
		written.set("requestBody", o.body())
	}
	written.set("responses", newObject("200", o.answer(), "default", newObject("$ref", "#/components/responses/Error")))
	return written
}

func (d *document) addTag(service, comment string) {
	if d.tagged[service] {
		return
	}
	d.tagged[service] = true
	tag := newObject("name", service)
	tag.setText("description", comment)
	d.tags = append(d.tags, tag)
}

// summary is the first sentence of a comment.
func summary(comment string) string {
	first, _, _ := strings.Cut(comment, "\n\n")
	first = strings.Join(strings.Fields(first), " ")
	if end := strings.Index(first, ". "); end >= 0 {
		first = first[:end]
	}
	return strings.TrimSuffix(first, ".")
}

// path returns the template as OpenAPI writes it, where a parameter is one segment and has no pattern, and adds its parameters. A
// variable of several segments has a parameter for each "*" in it. Paths that differ in the names of parameters alone are the
// same to OpenAPI, so the first one's names are all of them.
func (o *operation) path() string {
	template := o.rule.Template
	var names []string // of the parameters, in order
	var descriptions []string
	var schemas []*object
	var b, blank strings.Builder
	for i, segment := range template.Segments {
		b.WriteByte('/')
		blank.WriteByte('/')
		if segment.Kind == schema.Literal {
			b.WriteString(escapeSegment(segment.Text))
			blank.WriteString(segment.Text)
			continue
		}
		name, description, form := o.pathParameter(i, names)
		names, descriptions, schemas = append(names, name), append(descriptions, description), append(schemas, form)
		b.WriteString("{" + name + "}")
		blank.WriteString("{}")
	}
	if len(template.Segments) == 0 {
		b.WriteByte('/')
	}
	if template.Verb != "" {
		b.WriteString(":" + escapeSegment(template.Verb))
		blank.WriteString(":" + template.Verb)
	}
	path := b.String()
	if first, known := o.document.known[blank.String()]; known && first != path {
		path, names = first, parametersOf(first)
	}
	o.document.known[blank.String()] = path
	for i, name := range names {
		parameter := newObject("name", name, "in", "path", "required", true)
		parameter.setText("description", descriptions[i])
		parameter.set("schema", schemas[i])
		o.parameters = append(o.parameters, parameter)
		o.taken[name] = true
	}
	return path
}

// parametersOf returns the names in a path.
func parametersOf(path string) (names []string) {
	for rest := path; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return names
		}
		name, behind, _ := strings.Cut(after, "}")
		names, rest = append(names, name), behind
	}
}

// escapeSegment makes a literal part of a URL's path, in which braces would be parameters.
func escapeSegment(text string) string {
	return strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D", "?", "%3F", "#", "%23", "/", "%2F", " ", "%20").Replace(text)
}

// pathParameter names the parameter of a segment that is no literal.
func (o *operation) pathParameter(index int, taken []string) (name, description string, form *object) {
	template := o.rule.Template
	form = newObject("type", "string")
	name = fmt.Sprintf("segment%d", index+1)
	for i, v := range template.Variables {
		if index < v.Start || index >= v.End {
			continue
		}
		field := o.rule.Variables[i]
		if v.End-v.Start == 1 {
			name, form, description = field.String(), o.document.field(field.Leaf()), commentOf(field.Leaf())
			if template.Segments[index].Kind == schema.Multi {
				description = strings.TrimSpace(description + "\n\nIt may have slashes.")
			}
			break
		}
		name = field.String() + fmt.Sprintf("%d", index-v.Start+1)
		if index > v.Start && template.Segments[index-1].Kind == schema.Literal { // shops/*: {shop}
			if before := strings.TrimSuffix(template.Segments[index-1].Text, "s"); identifier(before) {
				name = before
			}
		}
		description = fmt.Sprintf("Part of the field %s.", field)
	}
	for base, n := name, 2; slices.Contains(taken, name); n++ {
		name = fmt.Sprintf("%s%d", base, n)
	}
	return name, description, form
}

func identifier(text string) bool {
	for _, c := range text {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return text != ""
}

// maxDepth bounds how deep the fields of messages in the query are listed.
const maxDepth = 4

// addQuery adds the fields that are neither in the path nor in the body.
func (o *operation) addQuery() {
	if !o.rule.WholeBody {
		o.addFields(o.request, nil, 1)
	}
}

func (o *operation) addFields(message protoreflect.MessageDescriptor, prefix schema.FieldPath, depth int) {
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		path := append(slices.Clip(prefix), field)
		if len(prefix) == 0 && o.rule.Body != nil && field.Number() == o.rule.Body.Number() || outputOnly(field) {
			continue
		}
		if slices.ContainsFunc(o.rule.Variables, func(taken schema.FieldPath) bool { return path.HasPrefix(taken) }) {
			continue
		}
		switch message := field.Message(); {
		case message == nil || field.IsMap() || schema.TextMessage(message) || freeForm(message):
			o.addParameter(path)
		case field.IsList(): // the query has no lists of messages
		case depth < maxDepth && !slices.ContainsFunc(prefix, func(f protoreflect.FieldDescriptor) bool { return f.Message() == message }):
			o.addFields(message, path, depth+1)
		}
	}
}

func (o *operation) addParameter(path schema.FieldPath) {
	leaf := path.Leaf()
	names := make([]string, 0, len(path))
	for _, field := range path {
		names = append(names, field.JSONName())
	}
	name := strings.Join(names, ".")
	if o.taken[name] {
		return
	}
	o.taken[name] = true
	if leaf.IsMap() && leaf.MapValue().Message() != nil && !schema.TextMessage(leaf.MapValue().Message()) {
		return
	}
	parameter := newObject("name", name, "in", "query")
	parameter.setText("description", commentOf(leaf))
	if required(leaf) && len(path) == 1 {
		parameter.set("required", true)
	}
	if isDeprecated(leaf) {
		parameter.set("deprecated", true)
	}
	switch {
	case leaf.IsMap(): // labels[key]=value
		parameter.set("style", "deepObject")
		parameter.set("explode", true)
	case leaf.IsList(): // status=a&status=b
		parameter.set("style", "form")
		parameter.set("explode", true)
	}
	parameter.set("schema", o.document.field(leaf))
	o.parameters = append(o.parameters, parameter)
}

// body returns the request body.
func (o *operation) body() *object {
	form, message := o.document.message(o.request), o.request
	if field := o.rule.Body; field != nil {
		form, message = o.document.field(field), field.Message()
		if field.IsList() || field.IsMap() {
			message = nil
		}
	}
	content := newObject()
	switch stream := o.method.Kind.SendsStream(); {
	case isHTTPBody(message):
		content.set("*/*", newObject())
	case stream:
		content.set("application/x-ndjson", newObject("schema", form))
		content.set("application/json", newObject("schema", newObject("type", "array", "items", form)))
	default:
		content.set("application/json", newObject("schema", form))
		if message != nil {
			content.set("application/protobuf", newObject())
		}
	}
	forms := message != nil && !isHTTPBody(message) && hasBytes(message)
	if forms {
		content.set("multipart/form-data", newObject("schema", o.document.form(message)))
	}
	body := newObject()
	switch stream := o.method.Kind.SendsStream(); {
	case stream && forms:
		body.set("description", "A stream: one message for each line, or element, or for each portion of a file that a form has.")
	case stream:
		body.set("description", "A stream: one message for each line, or element.")
	}
	body.set("content", content)
	return body
}

// answer returns the response of a success.
func (o *operation) answer() *object {
	form, message := o.document.message(o.response), o.response
	if field := o.rule.Answer; field != nil {
		form, message = o.document.field(field), field.Message()
		if field.IsList() || field.IsMap() {
			message = nil
		}
	}
	content, description := newObject(), "Success."
	switch {
	case isHTTPBody(message):
		content.set("*/*", newObject())
	case o.method.Kind.ReturnsStream():
		description = "A stream: one message for each line, element or event. A failure behind the first is the last of them, with the member error."
		content.set("application/x-ndjson", newObject("schema", form))
		content.set("application/json", newObject("schema", newObject("type", "array", "items", form)))
		content.set("text/event-stream", newObject("schema", newObject("type", "string")))
	default:
		content.set("application/json", newObject("schema", form))
		if message != nil {
			content.set("application/protobuf", newObject())
		}
	}
	return newObject("description", description, "content", content)
}

func isHTTPBody(message protoreflect.MessageDescriptor) bool {
	return message != nil && message.FullName() == "google.api.HttpBody"
}

// hasBytes reports whether a form could have an upload.
func hasBytes(message protoreflect.MessageDescriptor) bool {
	for i := range message.Fields().Len() {
		if isUpload(message.Fields().Get(i)) {
			return true
		}
	}
	return false
}

// isUpload reports whether a form has a field's bytes as they are.
func isUpload(field protoreflect.FieldDescriptor) bool {
	return !field.IsMap() && (field.Kind() == protoreflect.BytesKind || isHTTPBody(field.Message()))
}

// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/farcall/farcall"
)

// AnyMethod is the Rule.HTTPMethod of a custom rule for every HTTP method.
const AnyMethod = "*"

// Rule is one HTTP binding of a method, checked against the method's messages. It is never changed.
type Rule struct {
	HTTPMethod string // "GET", a custom one, or AnyMethod
	Template   *Template
	Variables  []FieldPath // the fields of Template.Variables, in the same order

	// The body is the whole request message, one field of it, or, with neither, nothing.
	WholeBody bool
	Body      protoreflect.FieldDescriptor
	// Answer is the response's field that makes the answer's body, nil for the whole response.
	Answer protoreflect.FieldDescriptor
}

// String returns the HTTP method and the template: "GET /v1/orders/{order_id}".
func (r *Rule) String() string { return r.HTTPMethod + " " + r.Template.String() }

// HasBody reports whether the rule maps the request's body.
func (r *Rule) HasBody() bool { return r.WholeBody || r.Body != nil }

// Rules reads the google.api.http option of a method: the rule first, then its additional bindings. Of more, rules from
// outside the .proto file, the last one that selects the method takes the option's place. A method without the option, or
// without a descriptor, has none of its own.
func Rules(method *farcall.Method, more *annotations.Http) ([]*Rule, error) {
	for _, rule := range slices.Backward(more.GetRules()) { // "last one wins", as http.proto says
		if selects(rule.GetSelector(), method) {
			return BindAll(rule, method)
		}
	}
	if method.Descriptor == nil {
		return nil, nil
	}
	descriptor := method.Descriptor()
	if descriptor == nil {
		return nil, nil
	}
	annotation, err := annotationOf(descriptor)
	if annotation == nil || err != nil {
		return nil, err
	}
	return BindAll(annotation, method)
}

// selects reports whether a selector is the name of the method. The wildcards that other rules of a google.api.Service know
// ("shop.*") make no sense here, since no two methods may have the same path.
func selects(selector string, method *farcall.Method) bool {
	service, name, ok := strings.Cut(strings.TrimPrefix(method.Path, "/"), "/")
	return ok && len(selector) == len(service)+1+len(name) && strings.HasPrefix(selector, service) &&
		selector[len(service)] == '.' && strings.HasSuffix(selector, name)
}

// annotationOf returns the method's google.api.http option, nil if it has none. The options are encoded and read again,
// because descriptors built at run time hold the option as unknown bytes or as a dynamic message.
func annotationOf(method protoreflect.MethodDescriptor) (*annotations.HttpRule, error) {
	encoded, err := proto.MarshalOptions{AllowPartial: true}.Marshal(method.Options())
	if err != nil || len(encoded) == 0 {
		return nil, err
	}
	options := &descriptorpb.MethodOptions{}
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(encoded, options); err != nil {
		return nil, fmt.Errorf("%s: its options cannot be read: %w", method.FullName(), err)
	}
	if !proto.HasExtension(options, annotations.E_Http) {
		return nil, nil
	}
	rule, _ := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	return rule, nil
}

// BindAll checks an HttpRule and its additional bindings against a method's messages. What it returns belongs to the
// descriptors of the messages that the method's constructors make.
func BindAll(annotation *annotations.HttpRule, method *farcall.Method) ([]*Rule, error) {
	if method.NewRequest == nil || method.NewResponse == nil {
		return nil, fmt.Errorf("%s: the Method has no NewRequest or NewResponse", method)
	}
	request := method.NewRequest().ProtoReflect().Descriptor()
	response := method.NewResponse().ProtoReflect().Descriptor()
	rules := make([]*Rule, 0, 1+len(annotation.AdditionalBindings))
	for i, binding := range append([]*annotations.HttpRule{annotation}, annotation.AdditionalBindings...) {
		if i > 0 && len(binding.GetAdditionalBindings()) > 0 {
			return nil, fmt.Errorf("%s: an additional binding has additional bindings of its own: put them all into the first rule", method)
		}
		rule, err := bind(binding, request, response)
		if err != nil {
			return nil, fmt.Errorf("%s: google.api.http: %w", method, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func bind(annotation *annotations.HttpRule, request, response protoreflect.MessageDescriptor) (*Rule, error) {
	httpMethod, text, err := pattern(annotation)
	if err != nil {
		return nil, err
	}
	template, err := ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	rule := &Rule{HTTPMethod: httpMethod, Template: template}
	for _, v := range template.Variables {
		path, err := variableField(request, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rule, err)
		}
		rule.Variables = append(rule.Variables, path)
	}
	if err := rule.bindBody(annotation.Body, request); err != nil {
		return nil, fmt.Errorf("%s: %w", rule, err)
	}
	if name := annotation.ResponseBody; name != "" {
		if rule.Answer = response.Fields().ByTextName(name); rule.Answer == nil {
			return nil, fmt.Errorf("%s: response_body: %s", rule, noField(response, name))
		}
	}
	return rule, nil
}

// pattern returns the HTTP method and the template's text.
func pattern(annotation *annotations.HttpRule) (httpMethod, template string, err error) {
	switch p := annotation.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET", p.Get, nil
	case *annotations.HttpRule_Put:
		return "PUT", p.Put, nil
	case *annotations.HttpRule_Post:
		return "POST", p.Post, nil
	case *annotations.HttpRule_Delete:
		return "DELETE", p.Delete, nil
	case *annotations.HttpRule_Patch:
		return "PATCH", p.Patch, nil
	case *annotations.HttpRule_Custom:
		kind := p.Custom.GetKind()
		if !token(kind) {
			return "", "", fmt.Errorf("custom kind %q is no HTTP method: it is a word such as \"HEAD\", or \"*\" for every method", kind)
		}
		return kind, p.Custom.GetPath(), nil
	default:
		return "", "", fmt.Errorf("a rule without a pattern: it needs one of get, put, post, delete, patch or custom")
	}
}

// token reports whether s is a token (RFC 9110 section 5.6.2), as an HTTP method must be.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case identByte(c, true):
		case c == '!', '#' <= c && c <= '\'', c == '*', c == '+', c == '-', c == '.', c == '^', c == '`', c == '|', c == '~':
		default:
			return false
		}
	}
	return s != ""
}

// variableField resolves a variable. By http.proto it names a field that is neither repeated nor a message; messages
// whose JSON form is one string or scalar (Timestamp, wrappers, …) are accepted besides.
func variableField(request protoreflect.MessageDescriptor, v Variable) (FieldPath, error) {
	path, err := ResolvePath(request, v.Path, false)
	if err != nil {
		return nil, err
	}
	switch leaf := path.Leaf(); {
	case leaf.IsMap():
		return nil, fmt.Errorf("the variable %q is a map: a path can fill single values only", path)
	case leaf.IsList():
		return nil, fmt.Errorf("the variable %q is repeated: a path can fill single values only", path)
	case leaf.Message() != nil && !TextMessage(leaf.Message()):
		return nil, fmt.Errorf("the variable %q is a message (%s): name one of its fields", path, leaf.Message().FullName())
	}
	return path, nil
}

// bindBody resolves the rule's body.
func (r *Rule) bindBody(name string, request protoreflect.MessageDescriptor) error {
	if name == "" {
		return nil
	}
	if r.HTTPMethod == "GET" || r.HTTPMethod == "HEAD" {
		return fmt.Errorf("a %s request has no body (RFC 9110 section 9.3): leave body out, and its fields become query parameters", r.HTTPMethod)
	}
	if name == "*" {
		r.WholeBody = true
		return nil
	}
	if r.Body = request.Fields().ByTextName(name); r.Body == nil {
		return fmt.Errorf("body: %s", noField(request, name))
	}
	for _, path := range r.Variables {
		if len(path) == 1 && path[0] == r.Body {
			return fmt.Errorf("the field %q is both the body and a variable of the path", name)
		}
	}
	return nil
}

// TextMessage reports whether the JSON form of a message is one string, number or boolean, so that a path or a query
// parameter can hold it.
func TextMessage(message protoreflect.MessageDescriptor) bool {
	switch message.FullName() {
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		return true
	}
	return Wrapper(message)
}

// Wrapper reports whether a message is one of google/protobuf/wrappers.proto.
func Wrapper(message protoreflect.MessageDescriptor) bool {
	switch message.FullName() {
	case "google.protobuf.BoolValue", "google.protobuf.BytesValue", "google.protobuf.StringValue",
		"google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int32Value",
		"google.protobuf.Int64Value", "google.protobuf.UInt32Value", "google.protobuf.UInt64Value":
		return message.Fields().ByNumber(1) != nil
	}
	return false
}

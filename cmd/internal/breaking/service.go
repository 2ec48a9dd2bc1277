// SPDX-License-Identifier: Apache-2.0

package breaking

import (
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

func (c *comparison) services(file protoreflect.FileDescriptor) {
	for n := range file.Services().Len() {
		was := file.Services().Get(n)
		now, ok := c.now(was).(protoreflect.ServiceDescriptor)
		if !ok {
			c.report(Wire, c.around(was), was, "the service %s is gone, or has another name", was.FullName())
			continue
		}
		for n := range was.Methods().Len() {
			c.method(was.Methods().Get(n), now)
		}
	}
}

func (c *comparison) method(was protoreflect.MethodDescriptor, service protoreflect.ServiceDescriptor) {
	now := service.Methods().ByName(was.Name())
	if now == nil {
		c.report(Wire, service, was, "the method %s is gone, or has another name", was.Name())
		return
	}
	if before, after := streams(was), streams(now); before != after {
		c.report(Wire, now, was, "the method %s was %s and is %s", was.Name(), before, after)
	}
	if before := c.nameNow(was.Input()); before != now.Input().FullName() {
		c.report(Wire, now, was, "the method %s took %s and takes %s", was.Name(), was.Input().FullName(), now.Input().FullName())
	}
	if before := c.nameNow(was.Output()); before != now.Output().FullName() {
		c.report(Wire, now, was, "the method %s returned %s and returns %s", was.Name(), was.Output().FullName(), now.Output().FullName())
	}
	rules := httpRules(now)
	for route, body := range httpRules(was) {
		switch after, there := rules[route]; {
		case !there:
			c.report(Wire, now, was, "the method %s is no more reached by REST at %s", was.Name(), route)
		case after != body:
			c.report(Wire, now, was, "the method %s at %s had %s and has %s", was.Name(), route, body, after)
		}
	}
}

func streams(method protoreflect.MethodDescriptor) string {
	switch sends, returns := method.IsStreamingClient(), method.IsStreamingServer(); {
	case sends && returns:
		return "two-way streaming"
	case sends:
		return "client streaming"
	case returns:
		return "server streaming"
	}
	return "unary"
}

// httpRules returns the method's HTTP rules: "GET /v1/x" to what its bodies are.
func httpRules(method protoreflect.MethodDescriptor) map[string]string {
	// The compiler leaves google.api.http in a message of its own making.
	encoded, err := proto.Marshal(method.Options())
	if err != nil {
		return nil
	}
	options := &descriptorpb.MethodOptions{}
	if err := proto.Unmarshal(encoded, options); err != nil {
		return nil
	}
	first, _ := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if first == nil {
		return nil
	}
	rules := make(map[string]string)
	for _, rule := range append([]*annotations.HttpRule{first}, first.GetAdditionalBindings()...) {
		rules[route(rule)] = "the body " + quoted(rule.GetBody()) + " and the response body " + quoted(rule.GetResponseBody())
	}
	return rules
}

func quoted(field string) string {
	if field == "" {
		return "nothing"
	}
	return `"` + field + `"`
}

func route(rule *annotations.HttpRule) string {
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET " + pattern.Get
	case *annotations.HttpRule_Put:
		return "PUT " + pattern.Put
	case *annotations.HttpRule_Post:
		return "POST " + pattern.Post
	case *annotations.HttpRule_Delete:
		return "DELETE " + pattern.Delete
	case *annotations.HttpRule_Patch:
		return "PATCH " + pattern.Patch
	}
	return rule.GetCustom().GetKind() + " " + rule.GetCustom().GetPath()
}

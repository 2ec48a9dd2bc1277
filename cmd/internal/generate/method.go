// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
)

// form is how the runtime names what a kind of method needs. The four differ in that, and in whether messages come one
// or many.
type form struct {
	kind   string // the farcall.Kind
	invoke string // makes the call for a stub
	handle string // makes the handler of an implementation
	open   string // makes the call for somebody who wants its stream
	stream string // the type of that stream
}

var (
	unary        = &form{kind: "KindUnary", invoke: "InvokeUnary", handle: "HandleUnary"}
	clientStream = &form{"KindClientStream", "InvokeClientStream", "HandleClientStream", "OpenClientStream", "ClientStream"}
	serverStream = &form{"KindServerStream", "InvokeServerStream", "HandleServerStream", "OpenServerStream", "ServerStream"}
	bidi         = &form{"KindBidi", "InvokeBidi", "HandleBidi", "OpenBidi", "BidiStream"}
)

func formOf(method *protogen.Method) *form {
	switch sends, returns := method.Desc.IsStreamingClient(), method.Desc.IsStreamingServer(); {
	case sends && returns:
		return bidi
	case sends:
		return clientStream
	case returns:
		return serverStream
	}
	return unary
}

// signature returns a method's parameters and results, the parameters named by context and input, or not at all.
func (s *serviceWriter) signature(method *protogen.Method, context, input string) string {
	result := "(" + s.pointer(method.Output) + ", error)"
	if method.Desc.IsStreamingServer() {
		result = s.iterator(method.Output)
	}
	return "(" + named(context, s.g.QualifiedGoIdent(contextPackage.Ident("Context"))) + ", " +
		named(input, s.input(method)) + ") " + result
}

// input returns the type of what a method takes beside the context.
func (s *serviceWriter) input(method *protogen.Method) string {
	if method.Desc.IsStreamingClient() {
		return s.iterator(method.Input)
	}
	return s.pointer(method.Input)
}

func (s *serviceWriter) pointer(message *protogen.Message) string {
	return "*" + s.g.QualifiedGoIdent(message.GoIdent)
}

func (s *serviceWriter) iterator(message *protogen.Message) string {
	return s.g.QualifiedGoIdent(iterPackage.Ident("Seq2")) + "[" + s.pointer(message) + ", error]"
}

// typeArguments returns those of the runtime's functions and types for the method: the request's type where nothing but
// messages of the stream have it, and the response's.
func (s *serviceWriter) typeArguments(method *protogen.Method) string {
	response := s.g.QualifiedGoIdent(method.Output.GoIdent)
	if method.Desc.IsStreamingClient() {
		return "[" + s.g.QualifiedGoIdent(method.Input.GoIdent) + ", " + response + "]"
	}
	return "[" + response + "]"
}

// inputName is the name of the parameter for what a method takes: "req" for one message, "in" for many.
func inputName(method *protogen.Method) string {
	if method.Desc.IsStreamingClient() {
		return "in"
	}
	return "req"
}

// inputNote says what a caller must know about the iterator that a method takes.
func inputNote(method *protogen.Method, names methodNames) string {
	switch formOf(method) {
	case clientStream:
		return "// A caller's in is ranged on the caller's goroutine, and the end of the call is noticed when it yields: it must be\n" +
			"// finite, or end by a context that its author cancels. Where it may block, use a farcall.Feed or " + names.open + ".\n"
	case bidi:
		return "// A caller's in is ranged on a goroutine of its own, and nobody waits for it when the call ends: it must be finite, or\n" +
			"// end by a context that its author cancels. A farcall.Feed ends with the call; see also " + names.open + ".\n"
	}
	return ""
}

// named returns a parameter of the type, with a name unless that is empty.
func named(name, parameterType string) string {
	return strings.TrimLeft(name+" "+parameterType, " ")
}

// local returns a name for a parameter that does not hide the package that qualifies one of the types used beside it.
func local(name, types string) string {
	for used := range strings.FieldsFuncSeq(types, func(r rune) bool { return strings.ContainsRune("[, ]", r) }) {
		if strings.HasPrefix(used, name+".") {
			return name + "_"
		}
	}
	return name
}

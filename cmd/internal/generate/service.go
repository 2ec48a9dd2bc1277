// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/descriptorpb"
)

// serviceWriter writes the code of one service, in the order in which a reader wants it: what to implement, how to call,
// how to serve, and then the tables.
type serviceWriter struct {
	g       *protogen.GeneratedFile
	file    *protogen.File
	service *protogen.Service
	names   *serviceNames
}

func (s *serviceWriter) write() {
	s.writeInterface()
	s.writeStub()
	s.writeRegister()
	s.writeUnimplemented()
	s.writeMethods()
}

func (s *serviceWriter) writeInterface() {
	options, _ := s.service.Desc.Options().(*descriptorpb.ServiceOptions)
	s.g.P()
	doc := comment(s.service.Comments, s.names.service+" is the service "+string(s.service.Desc.FullName())+".",
		options.GetDeprecated())
	if s.names.service != s.service.GoName {
		doc += "//\n// The package has another " + s.service.GoName + ", hence the underscore.\n"
	}
	s.g.P(doc, "type ", s.names.service, " interface {")
	for i, method := range s.service.Methods {
		options, _ := method.Desc.Options().(*descriptorpb.MethodOptions)
		s.g.P(comment(method.Comments, "", options.GetDeprecated()), s.names.methods[i].name, s.signature(method, "ctx ", "req "))
	}
	s.g.P("}")
}

func (s *serviceWriter) writeStub() {
	s.g.P()
	s.g.P("// ", s.names.newStub, " returns the ", s.names.service, " that via reaches.")
	s.g.P("func ", s.names.newStub, "(via ", farcallPackage.Ident("Invoker"), ") ", s.names.service, " {")
	s.g.P("return &", s.names.stub, "{via}")
	s.g.P("}")
	s.g.P()
	s.g.P("type ", s.names.stub, " struct{ via ", farcallPackage.Ident("Invoker"), " }")
	for i, method := range s.service.Methods {
		names := s.names.methods[i]
		output := s.g.QualifiedGoIdent(method.Output.GoIdent)
		stub, ctx, req := local("s", output), local("ctx", output), local("req", output)
		s.g.P()
		s.g.P("func (", stub, " *", s.names.stub, ") ", names.name, s.signature(method, ctx+" ", req+" "), " {")
		s.g.P("return ", farcallPackage.Ident("InvokeUnary"), "[", output, "]",
			"(", ctx, ", ", stub, ".via, ", names.variable, ", ", req, ")")
		s.g.P("}")
	}
}

func (s *serviceWriter) writeRegister() {
	s.g.P()
	s.g.P("// ", s.names.register, " offers impl's methods on a server.")
	s.g.P("func ", s.names.register, "(on ", farcallPackage.Ident("Registrar"), ", impl ", s.names.service, ") {")
	for _, names := range s.names.methods {
		s.g.P("on.Register(", names.variable, ", ", farcallPackage.Ident("HandleUnary"), "(impl.", names.name, "))")
	}
	s.g.P("}")
}

func (s *serviceWriter) writeUnimplemented() {
	s.g.P()
	s.g.P("// ", s.names.unimplemented, " fails every call with UNIMPLEMENTED. Embed it to implement a part of ", s.names.service,
		" on purpose.")
	s.g.P("type ", s.names.unimplemented, " struct{}")
	for i, method := range s.service.Methods {
		message := fmt.Sprintf("%s/%s is not implemented", s.service.Desc.FullName(), method.Desc.Name())
		s.g.P()
		s.g.P("func (", s.names.unimplemented, ") ", s.names.methods[i].name, s.signature(method, "", ""), " {")
		s.g.P("return nil, ", farcallPackage.Ident("Errorf"), "(", farcallPackage.Ident("Unimplemented"), ", ",
			strconv.Quote(message), ")")
		s.g.P("}")
	}
}

// writeMethods writes the method table. Its values need no code at start-up, and the linker leaves out those that a
// program does not reach.
func (s *serviceWriter) writeMethods() {
	if len(s.service.Methods) == 0 {
		return
	}
	s.g.P()
	s.g.P("// The methods of ", s.service.Desc.FullName(), ", for interceptors, observers and calls without a stub.")
	s.g.P("var (")
	for i, method := range s.service.Methods {
		path := fmt.Sprintf("/%s/%s", s.service.Desc.FullName(), method.Desc.Name())
		s.g.P(s.names.methods[i].variable, " = &", farcallPackage.Ident("Method"), "{")
		s.g.P("Path: ", strconv.Quote(path), ",")
		s.g.P("Kind: ", farcallPackage.Ident(kind(method)), ",")
		if level := idempotency(method); level != "" {
			s.g.P("Idempotency: ", farcallPackage.Ident(level), ",")
		}
		s.g.P("Descriptor: func() ", protoreflectPackage.Ident("MethodDescriptor"), " { return ",
			s.names.descriptors, "().ByName(", strconv.Quote(string(method.Desc.Name())), ") },")
		s.g.P("NewRequest: func() ", protoPackage.Ident("Message"), " { return new(", method.Input.GoIdent, ") },")
		s.g.P("NewResponse: func() ", protoPackage.Ident("Message"), " { return new(", method.Output.GoIdent, ") },")
		s.g.P("}")
	}
	s.g.P(")")
	s.g.P()
	s.g.P("func ", s.names.descriptors, "() ", protoreflectPackage.Ident("MethodDescriptors"), " {")
	name := strconv.Quote(string(s.service.Desc.Name()))
	s.g.P("return ", s.file.GoDescriptorIdent, ".Services().ByName(", name, ").Methods()")
	s.g.P("}")
}

// signature returns a method's parameters and results, the parameters named by context and request, or not at all.
func (s *serviceWriter) signature(method *protogen.Method, context, request string) string {
	return "(" + context + s.g.QualifiedGoIdent(contextPackage.Ident("Context")) +
		", " + request + "*" + s.g.QualifiedGoIdent(method.Input.GoIdent) +
		") (*" + s.g.QualifiedGoIdent(method.Output.GoIdent) + ", error)"
}

// local returns a name for a parameter that does not hide the package that qualifies a type used beside it.
func local(name, qualified string) string {
	if strings.HasPrefix(qualified, name+".") {
		return name + "_"
	}
	return name
}

// kind returns the name of the method's farcall.Kind.
func kind(method *protogen.Method) string {
	switch client, server := method.Desc.IsStreamingClient(), method.Desc.IsStreamingServer(); {
	case client && server:
		return "KindBidi"
	case client:
		return "KindClientStream"
	case server:
		return "KindServerStream"
	}
	return "KindUnary"
}

// idempotency returns the name of the method's farcall.Idempotency, "" for the unknown one.
func idempotency(method *protogen.Method) string {
	options, _ := method.Desc.Options().(*descriptorpb.MethodOptions)
	switch options.GetIdempotencyLevel() {
	case descriptorpb.MethodOptions_NO_SIDE_EFFECTS:
		return "NoSideEffects"
	case descriptorpb.MethodOptions_IDEMPOTENT:
		return "Idempotent"
	}
	return ""
}

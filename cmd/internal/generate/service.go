// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"strconv"

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
	s.writeOpen()
	s.writeRegister()
	s.writeUnimplemented()
	s.writeMethods()
}

func (s *serviceWriter) writeInterface() {
	options, _ := s.service.Desc.Options().(*descriptorpb.ServiceOptions)
	s.g.P()
	note := ""
	if s.names.service != s.service.GoName {
		note = "// The package has another " + s.service.GoName + ", hence the underscore.\n"
	}
	s.g.P(comment(s.service.Comments, s.names.service+" is the service "+string(s.service.Desc.FullName())+".", note,
		options.GetDeprecated()), "type ", s.names.service, " interface {")
	for i, method := range s.service.Methods {
		names := s.names.methods[i]
		s.g.P(comment(method.Comments, "", inputNote(method, names), deprecated(method)),
			names.name, s.signature(method, "ctx", inputName(method)))
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
		names, types := s.names.methods[i], s.typeArguments(method)
		stub, ctx, input := local("s", types), local("ctx", types), local(inputName(method), types)
		s.g.P()
		s.g.P("func (", stub, " *", s.names.stub, ") ", names.name, s.signature(method, ctx, input), " {")
		s.g.P("return ", farcallPackage.Ident(formOf(method).invoke), types,
			"(", ctx, ", ", stub, ".via, ", names.variable, ", ", input, ")")
		s.g.P("}")
	}
}

// writeOpen writes the functions for calls whose messages are received and sent one by one.
func (s *serviceWriter) writeOpen() {
	for i, method := range s.service.Methods {
		form := formOf(method)
		if form == unary {
			continue
		}
		names, types, last := s.names.methods[i], s.typeArguments(method), "Receive returns an error or io.EOF"
		if form == clientStream {
			last = "CloseAndReceive returns"
		}
		ctx, via, parameter, argument := local("ctx", types), local("via", types), "", ""
		if form == serverStream {
			input := local(inputName(method), types)
			parameter, argument = ", "+named(input, s.input(method)), ", "+input
		}
		s.g.P()
		s.g.P("// ", names.open, " is ", names.name, " for conversations that an iterator does not fit. The call ends when")
		s.g.P("// ", last, ", at Close, or with its context: see to it that one of them happens.")
		if deprecated(method) {
			s.g.P("//")
			s.g.P("// ", deprecation)
		}
		s.g.P("func ", names.open, "(", ctx, " ", contextPackage.Ident("Context"), ", ", via, " ", farcallPackage.Ident("Invoker"),
			parameter, ") (*", farcallPackage.Ident(form.stream), types, ", error) {")
		s.g.P("return ", farcallPackage.Ident(form.open), types, "(", ctx, ", ", via, ", ", names.variable, argument, ")")
		s.g.P("}")
	}
}

func (s *serviceWriter) writeRegister() {
	s.g.P()
	s.g.P("// ", s.names.register, " offers impl's methods on a server.")
	s.g.P("func ", s.names.register, "(on ", farcallPackage.Ident("Registrar"), ", impl ", s.names.service, ") {")
	for i, method := range s.service.Methods {
		names := s.names.methods[i]
		s.g.P("on.Register(", names.variable, ", ", farcallPackage.Ident(formOf(method).handle), "(impl.", names.name, "))")
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
		failure := s.g.QualifiedGoIdent(farcallPackage.Ident("Errorf")) + "(" +
			s.g.QualifiedGoIdent(farcallPackage.Ident("Unimplemented")) + ", " + strconv.Quote(message) + ")"
		s.g.P()
		s.g.P("func (", s.names.unimplemented, ") ", s.names.methods[i].name, s.signature(method, "", ""), " {")
		if method.Desc.IsStreamingServer() {
			s.g.P("return func(yield func(", s.pointer(method.Output), ", error) bool) {")
			s.g.P("yield(nil, ", failure, ")")
			s.g.P("}")
		} else {
			s.g.P("return nil, ", failure)
		}
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
		s.g.P("Kind: ", farcallPackage.Ident(formOf(method).kind), ",")
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

func deprecated(method *protogen.Method) bool {
	options, _ := method.Desc.Options().(*descriptorpb.MethodOptions)
	return options.GetDeprecated()
}

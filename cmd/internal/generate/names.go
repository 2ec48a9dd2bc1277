// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"cmp"
	"slices"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// serviceNames are the Go names of what is generated for one service.
type serviceNames struct {
	service       string // the interface: Payments
	newStub       string // NewPaymentsStub
	register      string // RegisterPayments
	unimplemented string // UnimplementedPayments
	stub          string // the type behind NewPaymentsStub: paymentsStub
	descriptors   string // the function that finds the methods' descriptors: paymentsMethods
	methods       []methodNames
}

// methodNames are the Go names for one method.
type methodNames struct {
	name     string // in the interface: Charge
	variable string // of the *farcall.Method: PaymentsChargeMethod
	open     string // the function that opens a streaming method's call: OpenPaymentsWatch
}

// scope is the set of names that a Go package, or an interface, has given away.
type scope map[string]bool

// claim returns name, or, where that is taken, name with as many underscores as make it unique. The .proto file may be
// somebody else's and its names may be on the wire, so a clash must not need a change there.
func (s scope) claim(name string) string {
	for s[name] {
		name += "_"
	}
	s[name] = true
	return name
}

// packageNames decides the names of all services in one Go package. The answer depends on the .proto files only, not on
// their order: messages and protoc-gen-go-grpc's names are never ours to take, and services choose in the order of
// their full names.
func packageNames(files []*protogen.File, importPath protogen.GoImportPath) map[protoreflect.FullName]*serviceNames {
	taken := scope{}
	var services []*protogen.Service
	for _, file := range files {
		if file.GoImportPath == importPath {
			taken.addFile(file)
			services = append(services, file.Services...)
		}
	}
	slices.SortFunc(services, func(a, b *protogen.Service) int {
		return cmp.Compare(a.Desc.FullName(), b.Desc.FullName())
	})
	for _, service := range services {
		taken.addGRPC(service)
	}
	names := make(map[protoreflect.FullName]*serviceNames)
	for _, service := range services {
		names[service.Desc.FullName()] = taken.nameService(service)
	}
	return names
}

func (s scope) nameService(service *protogen.Service) *serviceNames {
	name := service.GoName
	names := &serviceNames{
		service:       s.claim(name),
		newStub:       s.claim("New" + name + "Stub"),
		register:      s.claim("Register" + name),
		unimplemented: s.claim("Unimplemented" + name),
		stub:          s.claim(unexported(name) + "Stub"),
		descriptors:   s.claim(unexported(name) + "Methods"),
	}
	inInterface := scope{}
	for _, method := range service.Methods {
		methodNames := methodNames{
			name:     inInterface.claim(method.GoName),
			variable: s.claim(name + method.GoName + "Method"),
		}
		if formOf(method) != unary {
			methodNames.open = s.claim("Open" + name + method.GoName)
		}
		names.methods = append(names.methods, methodNames)
	}
	return names
}

// addFile adds the exported names of protoc-gen-go for file.
func (s scope) addFile(file *protogen.File) {
	s[file.GoDescriptorIdent.GoName] = true
	s.addMessages(file.Messages)
	s.addEnums(file.Enums)
	s.addExtensions("", file.Extensions)
}

func (s scope) addMessages(messages []*protogen.Message) {
	for _, message := range messages {
		s[message.GoIdent.GoName] = true
		s[message.GoIdent.GoName+"_builder"] = true // of the opaque and hybrid API
		for _, field := range message.Fields {
			if field.Oneof != nil {
				s[field.GoIdent.GoName] = true // the wrapper type of a oneof's field
			}
		}
		s.addMessages(message.Messages)
		s.addEnums(message.Enums)
		s.addExtensions(message.GoIdent.GoName+"_", message.Extensions)
	}
}

func (s scope) addEnums(enums []*protogen.Enum) {
	for _, enum := range enums {
		s[enum.GoIdent.GoName] = true
		s[enum.GoIdent.GoName+"_name"] = true
		s[enum.GoIdent.GoName+"_value"] = true
		for _, value := range enum.Values {
			s[value.GoIdent.GoName] = true
		}
	}
}

func (s scope) addExtensions(parent string, extensions []*protogen.Extension) {
	for _, extension := range extensions {
		s["E_"+parent+extension.GoName] = true
	}
}

// addGRPC adds the names that protoc-gen-go-grpc gives, so that its code can live in the same package, as it does while a
// program moves from one to the other.
func (s scope) addGRPC(service *protogen.Service) {
	name := service.GoName
	for _, taken := range []string{
		name + "Client", "New" + name + "Client", unexported(name) + "Client",
		name + "Server", "Unimplemented" + name + "Server", "Unsafe" + name + "Server", "Register" + name + "Server",
		name + "_ServiceDesc",
	} {
		s[taken] = true
	}
	for _, method := range service.Methods {
		s[name+"_"+method.GoName+"_FullMethodName"] = true
		s[name+"_"+method.GoName+"Client"] = true
		s[name+"_"+method.GoName+"Server"] = true
	}
}

func unexported(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[size:]
}

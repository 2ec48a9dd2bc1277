// SPDX-License-Identifier: Apache-2.0

package reflection

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/farcall/farcall"
)

// index finds descriptors: first in the files that the registered methods lead to, then in those linked into the
// program. The first group is not part of the second where the files are in registries of their own, as those of the
// standard services are.
type index struct {
	host Host

	mu      sync.Mutex // guards what follows
	methods int        // how many methods known was made of; methods are never taken back, so more of them means new ones
	known   *known
}

// known is the files that the registered methods lead to. It never changes.
type known struct {
	files      *protoregistry.Files
	extensions map[protoreflect.FullName][]protoreflect.ExtensionDescriptor // by the message they extend
}

// services returns the names of the registered services in order.
func (x *index) services() []string {
	names := map[string]bool{}
	for _, method := range x.host.Methods() {
		names[method.Service()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// current returns what is known of the methods registered by now.
func (x *index) current() *known {
	methods := x.host.Methods()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known == nil || len(methods) > x.methods {
		x.methods, x.known = len(methods), learn(methods)
	}
	return x.known
}

// learn collects the files that declare the methods and all that those import. Where two files have the same path or
// declare the same name, the first one found stands for both.
func learn(methods []*farcall.Method) *known {
	k := &known{files: new(protoregistry.Files), extensions: map[protoreflect.FullName][]protoreflect.ExtensionDescriptor{}}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		if k.files.RegisterFile(file) == nil {
			k.addExtensions(file.Extensions(), file.Messages())
		}
		for imported := range imports(file) {
			add(imported)
		}
	}
	for _, method := range methods {
		if method.Descriptor == nil {
			continue
		}
		if descriptor := method.Descriptor(); descriptor != nil && descriptor.ParentFile() != nil {
			add(descriptor.ParentFile())
		}
	}
	return k
}

func (k *known) addExtensions(extensions protoreflect.ExtensionDescriptors, messages protoreflect.MessageDescriptors) {
	for i := range extensions.Len() {
		extended := extensions.Get(i).ContainingMessage().FullName()
		k.extensions[extended] = append(k.extensions[extended], extensions.Get(i))
	}
	for i := range messages.Len() {
		k.addExtensions(messages.Get(i).Extensions(), messages.Get(i).Messages())
	}
}

// imports ranges over the files that file imports and that are linked into the program.
func imports(file protoreflect.FileDescriptor) iter.Seq[protoreflect.FileDescriptor] {
	return func(yield func(protoreflect.FileDescriptor) bool) {
		list := file.Imports()
		for i := range list.Len() {
			if imported := list.Get(i); !imported.IsPlaceholder() && !yield(imported.FileDescriptor) {
				return
			}
		}
	}
}

func (x *index) fileByPath(path string) (protoreflect.FileDescriptor, error) {
	if file, err := x.current().files.FindFileByPath(path); err == nil {
		return file, nil
	}
	if file, err := protoregistry.GlobalFiles.FindFileByPath(path); err == nil {
		return file, nil
	}
	return nil, farcall.Errorf(farcall.NotFound, "the server has no file %q", path)
}

// symbol returns the descriptor of a full name: a service, method, message, field, enum, enum value or extension.
func (x *index) symbol(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if descriptor, err := x.current().files.FindDescriptorByName(name); err == nil {
		return descriptor, nil
	}
	if descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(name); err == nil {
		return descriptor, nil
	}
	if slices.Contains(x.services(), string(name)) {
		return nil, farcall.Errorf(farcall.NotFound, "the service %q is registered without a descriptor", name)
	}
	return nil, farcall.Errorf(farcall.NotFound, "the server has nothing called %q: a full name has its package in front", name)
}

func (x *index) fileOfSymbol(name protoreflect.FullName) (protoreflect.FileDescriptor, error) {
	descriptor, err := x.symbol(name)
	if err != nil {
		return nil, err
	}
	return descriptor.ParentFile(), nil
}

func (x *index) fileOfExtension(
	extended protoreflect.FullName, number protoreflect.FieldNumber,
) (protoreflect.FileDescriptor, error) {
	for _, extension := range x.current().extensions[extended] {
		if extension.Number() == number {
			return extension.ParentFile(), nil
		}
	}
	if extension, err := protoregistry.GlobalTypes.FindExtensionByNumber(extended, number); err == nil {
		return extension.TypeDescriptor().ParentFile(), nil
	}
	return nil, farcall.Errorf(farcall.NotFound, "the server has no extension %d of %q", number, extended)
}

// extensionNumbers returns the field numbers of a message's extensions in order.
func (x *index) extensionNumbers(extended protoreflect.FullName) ([]int32, error) {
	descriptor, err := x.symbol(extended)
	if err != nil {
		return nil, err
	}
	if _, ok := descriptor.(protoreflect.MessageDescriptor); !ok {
		return nil, farcall.Errorf(farcall.InvalidArgument, "%q is not a message, so it has no extensions", extended)
	}
	var numbers []int32
	for _, extension := range x.current().extensions[extended] {
		numbers = append(numbers, int32(extension.Number()))
	}
	protoregistry.GlobalTypes.RangeExtensionsByMessage(extended, func(extension protoreflect.ExtensionType) bool {
		numbers = append(numbers, int32(extension.TypeDescriptor().Number()))
		return true
	})
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

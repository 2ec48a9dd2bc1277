// SPDX-License-Identifier: Apache-2.0

// Command roundtrip decodes and encodes messages of types that it links, and registers the services that it links. The
// corpus test copies it into the module with the generated packages, and adds the file that imports them; here it links
// none.
//
//	roundtrip MESSAGES
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	_ "google.golang.org/protobuf/types/gofeaturespb" // the one that compilers link, and programs do not

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/server"
)

// services register each service of the linked packages.
var services = map[string]func(farcall.Registrar){}

func main() {
	log.SetFlags(0)
	log.SetPrefix("roundtrip: ")
	if len(os.Args) != 2 {
		log.Fatal("roundtrip takes one argument: the file with the messages")
	}
	messages, err := readAll(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	failed, methods := messages.failed, 0
	for name, register := range services {
		srv := server.New(server.Options{})
		if refusal := tryRegister(srv, register); refusal != "" {
			fmt.Printf("refused %s: %s\n", name, refusal)
			continue
		}
		for _, method := range srv.Methods() {
			methods++
			if err := checkMethod(method); err != nil {
				log.Printf("%s: %v", name, err)
				failed++
			}
		}
	}
	fmt.Printf("messages %d, with generated code %d, services %d, methods %d\n", messages.tried, messages.fast, len(services), methods)
	if failed > 0 {
		log.Fatalf("%d failed", failed)
	}
}

// tryRegister registers a service, and returns what the server says against it. An API may contradict itself.
func tryRegister(srv *server.Server, register func(farcall.Registrar)) (refusal string) {
	defer func() {
		if said := recover(); said != nil {
			refusal = fmt.Sprint(said)
		}
	}()
	register(srv)
	return ""
}

// tally is how many messages were tried, how many of them have code of farcall's own, and how many failed.
type tally struct{ tried, fast, failed int }

// fast is a message that the generator has made code for.
type fast interface {
	Farcall_encode(e *codec.Encoder, i int) int
}

// readAll tries all messages of a file.
func readAll(name string) (tally, error) {
	var t tally
	file, err := os.Open(name)
	if err != nil {
		return t, err
	}
	defer file.Close()
	for in := bufio.NewReader(file); ; t.tried++ {
		name, err := part(in)
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return t, err
		}
		data, err := part(in)
		if err != nil {
			return t, err
		}
		kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
		if err == nil {
			if _, ok := kind.Zero().Interface().(fast); ok {
				t.fast++
			}
			err = errors.Join(try(kind, data), tryBroken(kind, data))
		}
		if err != nil {
			log.Printf("%s: %v", name, err)
			t.failed++
		}
	}
}

// part reads bytes behind their length.
func part(in *bufio.Reader) ([]byte, error) {
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	data := make([]byte, length)
	_, err = io.ReadFull(in, data)
	return data, err
}

// try decodes a message with farcall's codec, compares it with what google.golang.org/protobuf makes of the bytes, and
// encodes it: it must have the length that was announced and, without a map in it, the bytes that it came from.
func try(kind protoreflect.MessageType, data []byte) error {
	ours, theirs := kind.New().Interface(), kind.New().Interface()
	if err := proto.Unmarshal(data, theirs); err != nil {
		return fmt.Errorf("protobuf cannot decode it: %w", err)
	}
	if err := codec.Decode(data, ours); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	if !proto.Equal(ours, theirs) {
		return errors.New("decoded, it is not what protobuf decodes")
	}
	size, err := codec.Size(ours)
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	encoded, err := codec.Append([]byte("before"), ours)
	if err != nil {
		return fmt.Errorf("encoding: %w", err)
	}
	encoded, ok := bytes.CutPrefix(encoded, []byte("before"))
	switch {
	case !ok:
		return errors.New("encoding changed what stood before")
	case size != len(data) || len(encoded) != len(data):
		return fmt.Errorf("%d bytes became %d, and %d were announced", len(data), len(encoded), size)
	case !hasMap(kind.Descriptor(), map[protoreflect.FullName]bool{}) && !bytes.Equal(encoded, data):
		return errors.New("encoded again, it has other bytes")
	}
	again := kind.New().Interface()
	if err := proto.Unmarshal(encoded, again); err != nil || !proto.Equal(again, theirs) {
		return fmt.Errorf("encoded again, it is another message (%v)", err)
	}
	return nil
}

// tryBroken changes some bytes of a message. farcall's codec must refuse what protobuf refuses, and make the same of the rest.
func tryBroken(kind protoreflect.MessageType, data []byte) error {
	random := rand.New(rand.NewPCG(uint64(len(data)), 1))
	for range 8 {
		if len(data) == 0 {
			return nil
		}
		broken := bytes.Clone(data)
		at := random.IntN(len(broken))
		switch random.IntN(3) {
		case 0:
			broken = broken[:at]
		case 1:
			broken[at] ^= 1 << random.IntN(8)
		case 2:
			broken[at] = byte(random.IntN(256))
		}
		ours, theirs := kind.New().Interface(), kind.New().Interface()
		err, theirErr := codec.Decode(broken, ours), proto.Unmarshal(broken, theirs)
		if (err == nil) != (theirErr == nil) {
			return fmt.Errorf("of %x protobuf says %v, and farcall %v", broken, theirErr, err)
		}
		if err == nil && !proto.Equal(ours, theirs) {
			return fmt.Errorf("%x is not decoded as protobuf decodes it", broken)
		}
	}
	return nil
}

// hasMap reports whether messages of the type can have a map, whose entries come in any order.
func hasMap(message protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[message.FullName()] {
		return false
	}
	seen[message.FullName()] = true
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		if field.IsMap() || field.Message() != nil && hasMap(field.Message(), seen) {
			return true
		}
	}
	return false
}

// checkMethod compares a method's constants with its descriptor.
func checkMethod(method *farcall.Method) error {
	descriptor := method.Descriptor()
	path := fmt.Sprintf("/%s/%s", descriptor.Parent().FullName(), descriptor.Name())
	request, response := method.NewRequest().ProtoReflect().Descriptor(), method.NewResponse().ProtoReflect().Descriptor()
	switch {
	case method.Path != path:
		return fmt.Errorf("the path is %s, want %s", method.Path, path)
	case method.Kind.SendsStream() != descriptor.IsStreamingClient() || method.Kind.ReturnsStream() != descriptor.IsStreamingServer():
		return fmt.Errorf("%s has the kind %d", path, method.Kind)
	case request.FullName() != descriptor.Input().FullName() || response.FullName() != descriptor.Output().FullName():
		return fmt.Errorf("%s takes %s and returns %s", path, request.FullName(), response.FullName())
	}
	return nil
}

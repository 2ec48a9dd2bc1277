// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/server"
)

// Both ends write maps in the order of their keys if they are asked to.
func TestDeterministicMessages(t *testing.T) {
	message := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for i := range 50 {
		message.Fields[fmt.Sprint("key ", i)] = structpb.NewNumberValue(float64(i))
	}
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	newStruct := func() proto.Message { return new(structpb.Struct) }
	same := &farcall.Method{Path: "/test.v1.Maps/Same", NewRequest: newStruct, NewResponse: newStruct}
	received := make(chan []byte, 1)
	echo := func(_ context.Context, stream farcall.Stream) error {
		var raw farcall.Raw
		if err := stream.Receive(&raw); err != nil {
			return err
		}
		received <- bytes.Clone(raw.Data)
		raw.Done()
		return stream.Send(message)
	}
	options := server.Options{Protobuf: codec.Options{Deterministic: true}, Unknown: echo}
	conn := dial(t, serveTCP(t, options, repeat), client.Options{Protobuf: codec.Options{Deterministic: true}})
	var response farcall.Raw
	if err := conn.Invoke(t.Context(), same, message, &response); err != nil {
		t.Fatal(err)
	}
	defer response.Done()
	if request := <-received; !bytes.Equal(request, want) {
		t.Errorf("the client sends % x", request)
	}
	if !bytes.Equal(response.Data, want) {
		t.Errorf("the server sends % x", response.Data)
	}
}

// SPDX-License-Identifier: Apache-2.0

// Package streams drops errors and calls in every way that the analyzer knows, and in none in its second half.
package streams

import (
	"iter"

	"google.golang.org/protobuf/reflect/protoreflect"
)

type Event struct{}

func (*Event) ProtoReflect() protoreflect.Message { return nil }

type Events = iter.Seq2[*Event, error]

type Payments interface {
	Watch() iter.Seq2[*Event, error]
	Dispute(in iter.Seq2[*Event, error]) iter.Seq2[*Event, error]
	All(yield func(*Event, error) bool)
}

func use(...any) {}

func ranges(payments Payments, events Events) {
	for event := range payments.Watch() { // want `the error of this stream is dropped: range with two variables and look at the second`
		use(event)
	}

	for range payments.Dispute(payments.Watch()) { // want `the error of this stream is dropped`
	}

	for event, _ := range events { // want `the error of this stream is dropped`
		use(event)
	}

	for err := range events { // want `the error of this stream is dropped`
		use(err)
	}

	for _ = range events { // want `the error of this stream is dropped`
	}

	for _, _ = range events { // want `the error of this stream is dropped`
	}

	var event *Event
	for event = range events { // want `the error of this stream is dropped`
	}
	for event, _ = range events { // want `the error of this stream is dropped`
	}
	use(event)

	for event := range payments.All { // want `the error of this stream is dropped`
		use(event)
	}
}

func rangesOfParameter[Message message](stream iter.Seq2[Message, error]) {
	for message := range stream { // want `the error of this stream is dropped`
		use(message)
	}
}

type message interface{ ProtoReflect() protoreflect.Message }

func calls(payments Payments) {
	payments.Watch()                                  // want `this call never starts, because nothing ranges its result: range it, or take the call out`
	(payments.Dispute(payments.Watch()))              // want `this call never starts`
	_ = payments.Watch()                              // want `this call never starts`
	_, two := payments.Watch(), 2                     // want `this call never starts`
	go payments.Watch()                               // want `this call never starts`
	defer payments.Watch()                            // want `this call never starts`
	var _ = payments.Watch()                          // want `this call never starts`
	var _ iter.Seq2[*Event, error] = payments.Watch() // want `this call never starts`
	use(two)
}

// From here on all is well.

type plain struct{}

type namesake struct{}

func (namesake) ProtoReflect() string { return "" }

type other struct{}

func (other) ProtoReflect() error { return nil }

func fine(payments Payments, plains iter.Seq2[*plain, error], namesakes iter.Seq2[namesake, error],
	others iter.Seq2[other, error], flags iter.Seq2[*Event, bool], singles iter.Seq[*Event], slice []*Event) {
	for event, err := range payments.Watch() {
		use(event, err)
	}
	for _, err := range payments.Watch() {
		use(err)
	}
	var err error
	for _, err = range payments.Watch() {
		use(err)
	}
	for x := range plains {
		use(x)
	}
	for x := range namesakes {
		use(x)
	}
	for x := range others {
		use(x)
	}
	for x := range flags {
		use(x)
	}
	for x := range singles {
		use(x)
	}
	for x := range slice {
		use(x)
	}
	for range 3 {
	}
	stream := payments.Watch()
	use(stream, payments.Watch())
	_ = Events(nil)
	_ = payments
	use()
	_ = generic[*plain]
}

func generic[Message any](stream iter.Seq2[Message, error]) {
	for x := range stream {
		use(x)
	}
}

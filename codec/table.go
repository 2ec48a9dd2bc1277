// SPDX-License-Identifier: Apache-2.0

package codec

// Codec is another form of messages than protobuf's binary one, named by the content subtype: application/grpc+json. It
// is safe for concurrent use. A *farcall.Raw holds a message in the form of its call's codec.
type Codec interface {
	// Name is the content subtype: "json".
	Name() string
	// Append appends the encoded message.
	Append(dst []byte, message any) ([]byte, error)
	// Decode replaces what message holds by what data says. data stays the caller's.
	Decode(data []byte, message any) error
}

// Table is the codecs that an end knows besides protobuf.
type Table struct{ known []Codec }

// NewTable returns a Table of JSON and more. A later one of the same name takes the place of an earlier one. With the build
// tag farcall_grpconly JSON is in it only if it is among more: the binary has none otherwise.
func NewTable(more ...Codec) *Table {
	t := &Table{known: alwaysKnown()}
	for _, codec := range more {
		if codec != nil {
			t.known = append([]Codec{codec}, t.known...)
		}
	}
	return t
}

// Find returns the codec of a content subtype and whether it is known; it is nil for protobuf ("" and "proto").
func (t *Table) Find(subtype string) (Codec, bool) {
	if subtype == "" || subtype == "proto" {
		return nil, true
	}
	for _, codec := range t.known {
		if codec.Name() == subtype {
			return codec, true
		}
	}
	return nil, false
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// gRPC's framing of messages (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"): what net/http does not bring, and what the
// attacker writes.

const prefixBytes = 5

// appendPrefix appends the prefix of a message that is said to be so long.
func appendPrefix(dst []byte, compressed bool, length uint32) []byte {
	flag := byte(0)
	if compressed {
		flag = 1
	}
	return binary.BigEndian.AppendUint32(append(dst, flag), length)
}

// appendMessage appends a message behind its prefix.
func appendMessage(dst []byte, message proto.Message) ([]byte, error) {
	dst = appendPrefix(dst, false, uint32(proto.Size(message)))
	return proto.MarshalOptions{}.MarshalAppend(dst, message)
}

// readMessage reads the next message, or returns io.EOF if there is none.
func readMessage(in io.Reader, into proto.Message) error {
	var prefix [prefixBytes]byte
	if _, err := io.ReadFull(in, prefix[:]); err != nil {
		return err
	}
	if prefix[0] != 0 {
		return errors.New("a compressed message")
	}
	length := binary.BigEndian.Uint32(prefix[1:])
	if length > mostReceived {
		return fmt.Errorf("a message of %d bytes", length)
	}
	var body bytes.Buffer // grows with what comes, whatever was announced
	if _, err := io.CopyN(&body, in, int64(length)); err != nil {
		return noEOF(err)
	}
	return proto.Unmarshal(body.Bytes(), into)
}

// noEOF makes an end in the middle of a message an error that nobody takes for a proper end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

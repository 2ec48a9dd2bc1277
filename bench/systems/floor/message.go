// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/codec"
)

// A message on the wire is the length of what follows its prefix in four bytes, the method in one, then the message.
const (
	prefixBytes = 5

	methodCharge = 'c'
	methodEcho   = 'e'
)

// largeMessage is the size from which a message is neither copied to be combined with others nor read through the common
// buffer.
const largeMessage = 64 << 10

// longestMessage keeps a wrong length from taking all memory.
const longestMessage = 128 << 20

// messages reads messages.
type messages struct {
	from   io.Reader
	buffer []byte // buffer[start:end] is read and not taken
	start  int
	end    int
	large  []byte // for the message that the buffer is too small for
}

// next returns the next message, valid until the following call.
func (m *messages) next() (method byte, message []byte, err error) {
	for {
		if method, message, ok := m.buffered(); ok {
			m.start += prefixBytes + len(message)
			return method, message, nil
		}
		if have := m.buffer[m.start:m.end]; len(have) >= prefixBytes && binary.BigEndian.Uint32(have) >= largeMessage {
			return m.readLarge(have)
		}
		m.makeRoom()
		n, err := m.from.Read(m.buffer[m.end:])
		m.end += n
		if n == 0 && err != nil {
			return 0, nil, err
		}
	}
}

// buffered returns the next message if it is here whole.
func (m *messages) buffered() (method byte, message []byte, ok bool) {
	have := m.buffer[m.start:m.end]
	if len(have) < prefixBytes {
		return 0, nil, false
	}
	length := int(binary.BigEndian.Uint32(have))
	if len(have)-prefixBytes < length {
		return 0, nil, false
	}
	return have[4], have[prefixBytes : prefixBytes+length], true
}

// readLarge reads the rest of the message that begins with have to where it will stay.
func (m *messages) readLarge(have []byte) (byte, []byte, error) {
	method, length := have[4], int(binary.BigEndian.Uint32(have))
	if length > longestMessage {
		return 0, nil, fmt.Errorf("a message of %d bytes is none of ours", length)
	}
	if cap(m.large) < length {
		m.large = make([]byte, length)
	}
	m.large = m.large[:length]
	n := copy(m.large, have[prefixBytes:])
	m.start, m.end = 0, 0
	_, err := io.ReadFull(m.from, m.large[n:])
	return method, m.large, err
}

func (m *messages) makeRoom() {
	if m.start > 0 {
		m.end = copy(m.buffer, m.buffer[m.start:m.end])
		m.start = 0
	}
	if m.end == len(m.buffer) {
		m.buffer = append(m.buffer, make([]byte, max(32<<10, len(m.buffer)))...)
	}
}

func appendMessage(dst []byte, method byte, message proto.Message) (_ []byte, err error) {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, method)
	if method == methodEcho { // a payload is one copy, which codec.Append does not promise
		dst, err = proto.MarshalOptions{}.MarshalAppend(dst, message)
	} else {
		dst, err = codec.Append(dst, message)
	}
	if err != nil {
		return dst[:at], err
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-prefixBytes))
	return dst, nil
}

// queue collects encoded messages for one write. Small ones are copied together, large ones stay where they are.
type queue struct {
	pieces net.Buffers
	copied bool   // the last piece is of messages copied together
	spare  []byte // memory for such a piece; while the first is one, that one's
}

func (q *queue) add(message []byte) {
	if len(message) >= largeMessage {
		q.pieces, q.copied = append(q.pieces, message), false
		return
	}
	if !q.copied {
		var memory []byte
		if len(q.pieces) == 0 {
			memory = q.spare[:0]
		}
		q.pieces, q.copied = append(q.pieces, memory), true
	}
	last := &q.pieces[len(q.pieces)-1]
	*last = append(*last, message...)
	if len(q.pieces) == 1 {
		q.spare = *last
	}
}

func (q *queue) empty() bool { return len(q.pieces) == 0 }

// writeTo empties the queue.
func (q *queue) writeTo(conn net.Conn) (err error) {
	pieces := q.pieces
	if len(pieces) == 1 {
		_, err = conn.Write(pieces[0])
	} else {
		_, err = pieces.WriteTo(conn) // changes the variable, not where the queue's pieces begin
	}
	clear(q.pieces)
	q.pieces, q.copied = q.pieces[:0], false
	return err
}

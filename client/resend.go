// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/binary"
	"io"
	"sync"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/buffer"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/http2"
	"github.com/farcall/farcall/internal/wire"
)

// Another attempt at a call with a stream (grpc/proposal A6, "transparent retries"). What was sent is kept, encoded, until
// an answer begins or it is more than keptBytes. An attempt that the server has refused, or that never left, is made again
// with it; the iterator that it came from is not ranged again. Whoever notices first opens the new attempt, and a goroutine
// of the call sends what is kept, since the one that notices may be the receiver, and the server may wait for it to receive.
// Here is what gRPC does, and what it shares with Connect and gRPC-Web (webresend.go).

// keptBytes is how much memory what was sent is kept in, beside the last message. A server that refuses a stream gives it no
// credit beyond the first window, so there is seldom more to send again.
const keptBytes = 256 << 10

// Small messages are kept as copies, many of them in one buffer, and the sender's buffer is used again for the next message:
// hundreds of buffers that wait would be out of the processor's cache when they come back. Each counts towards keptBytes as
// if it had the smallest buffer: to keep more of them would cost more than it is worth.
const (
	packedMessage = 512     // up to here a message is copied
	packBytes     = 4 << 10 // of messages in one buffer
	packedAtLeast = 512     // what a message counts as
)

// resend is what another attempt needs. Guarded by the call's mu.
type resend struct {
	committed bool       // there will be no other attempt
	kept      []*request // sent so far; the first one is the first message alone
	size      int        // of kept
	closed    bool       // the half-close was sent
	failure   error      // why another attempt could not be opened

	// resent is closed when the attempt under way has got what the one before was sent; nil for the first attempt. It is
	// the goroutine's that sends, which ends with the attempt's stream.
	resent chan struct{}
}

// request is an encoded request, or a few small ones, that several hold: the goroutine that sends it, what is kept, and a
// second sending. The last one frees it. Guarded by the call's mu; the bytes of one that is sent again do not change.
type request struct {
	encoded *buffer.Buffer
	holders int
	packed  bool // they are copies, and others may join them as long as nobody else holds it
}

func (r *request) drop() {
	if r == nil {
		return
	}
	if r.holders--; r.holders == 0 {
		r.encoded.Free()
	}
}

// commitLocked rules out another attempt, and lets go of what was kept for it.
func (k *resend) commitLocked() {
	k.committed = true
	for _, r := range k.kept {
		r.drop()
	}
	k.kept = nil
}

// attempt returns the attempt under way.
func (s *streaming) attempt() *http2.ClientStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transport
}

// deliver sends one message, or with nil only the half-close, on the attempt under way, and opens the call if there is none.
// owned is what the message is in, nil if that is the attempt's spare memory.
func (s *streaming) deliver(data []byte, owned *buffer.Buffer, end bool) error {
	if s.settled != nil {
		err := s.deliverSettled(data, end)
		owned.Free()
		return err
	}
	s.mu.Lock()
	err := s.unopenedOutcome()
	first := !s.opened
	rest := data
	if err == nil && first {
		rest, err = s.openLocked(data, end)
	}
	if err != nil {
		s.mu.Unlock()
		owned.Free()
		return err
	}
	if s.size > keptBytes && s.method.Kind.SendsStream() {
		s.commitLocked()
	}
	transport, resent := s.transport, s.resent
	if s.committed {
		s.settled = transport
	}
	sending := s.keepLocked(data, owned, end)
	s.mu.Unlock()

	if !first && data != nil {
		s.step(farcall.StepSendRequest, s.sent, len(data), nil)
	}
	if !first || len(rest) > 0 {
		if err = awaitResent(s.ctx, resent); err == nil {
			err = transport.Send(s.ctx, rest, end)
		}
	}
	if err == nil {
		s.last = transport
	}
	if sending == nil {
		owned.Free()
		if err == nil {
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer sending.drop()
	switch {
	case err == nil:
		return nil
	case s.ctx.Err() != nil:
		s.stuck = err
	case s.reopenLocked(transport, err): // with this message
		return nil
	}
	return io.EOF
}

// deliverSettled is deliver for an attempt that is the last.
func (s *streaming) deliverSettled(data []byte, end bool) error {
	if data != nil {
		s.step(farcall.StepSendRequest, s.sent, len(data), nil)
	}
	err := s.ctx.Err() // after a cancel the requests have no good end
	if err == nil {
		err = s.settled.Send(s.ctx, data, end)
	}
	if err == nil {
		return nil
	}
	if s.ctx.Err() != nil {
		s.mu.Lock()
		s.stuck = err
		s.mu.Unlock()
	}
	return io.EOF
}

// keepLocked keeps a message that is about to be sent, or the half-close, unless there will be no other attempt. The sender
// holds what it returns; with nil the message is the sender's alone. owned is what it is in, nil if that cannot be kept.
func (k *resend) keepLocked(message []byte, owned *buffer.Buffer, end bool) *request {
	k.closed = k.closed || end
	if message == nil || k.committed {
		return nil
	}
	if len(k.kept) > 0 && len(message) <= packedMessage {
		k.size += max(len(message), packedAtLeast)
		k.packLocked(message)
		return nil
	}
	r := &request{encoded: owned, holders: 2}
	if owned == nil {
		r.encoded, r.holders = buffer.Get(len(message)), 1
		r.encoded.B = append(r.encoded.B, message...)
	}
	k.kept = append(k.kept, r)
	k.size += cap(r.encoded.B)
	if owned == nil {
		return nil
	}
	return r
}

// packLocked keeps a copy of a small message.
func (k *resend) packLocked(message []byte) {
	last := k.kept[len(k.kept)-1]
	if !last.packed || last.holders > 1 || cap(last.encoded.B)-len(last.encoded.B) < len(message) {
		last = &request{encoded: buffer.Get(packBytes), holders: 1, packed: true}
		k.kept = append(k.kept, last)
	}
	last.encoded.B = append(last.encoded.B, message...)
}

// awaitResent waits until what earlier attempts were sent is ahead of what comes now.
func awaitResent(ctx context.Context, resent <-chan struct{}) error {
	if resent == nil {
		return ctx.Err() // after a cancel the requests have no good end
	}
	select {
	case <-resent:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// answering waits, by way of wait, for the beginning of an answer, or its end, on the receiving goroutine; there may be
// several attempts until one is answered. Another error than io.EOF is the call's outcome.
func (s *streaming) answering(wait func(*http2.ClientStream) error) error {
	if s.begun {
		err := wait(s.transport)
		if err != nil && err != io.EOF {
			err = s.fail(s.transportError(s.transport, err))
		}
		return err
	}
	for {
		transport := s.attempt()
		err := wait(transport)
		s.mu.Lock()
		switch {
		case err == nil || err == io.EOF:
			s.commitLocked()
		case s.reopenLocked(transport, err):
			s.mu.Unlock()
			continue
		case s.failure != nil:
			err = s.fail(s.failure)
		default:
			s.commitLocked()
			if s.stuck != nil {
				err = s.stuck
			}
			err = s.fail(s.transportError(transport, err))
		}
		s.mu.Unlock()
		return err
	}
}

// reopenLocked makes another attempt in the place of one that has failed with cause, and reports whether there is one now.
// Where the other goroutine was faster, there is one already.
func (s *streaming) reopenLocked(failed *http2.ClientStream, cause error) bool {
	if s.transport != failed {
		return true
	}
	if s.committed || s.failure != nil || !s.again(cause) {
		return false
	}
	// The failed stream is not closed: it is over, and the other goroutine may still wait to be told.
	first, end := s.firstLocked()
	rest, err := s.open(first, end, failed.Conn())
	if err != nil {
		s.failure = err
		return false
	}
	s.sendKeptLocked(&s.stream, &s.mu, s.transport, rest)
	return true
}

// firstLocked returns what another attempt is opened with: the first message, nil if there is none, and whether the requests
// end with it.
func (k *resend) firstLocked() (first []byte, end bool) {
	if len(k.kept) > 0 {
		first = k.kept[0].encoded.B
	}
	return first, k.closed && len(k.kept) <= 1
}

// sendKeptLocked has a goroutine send what is kept on another attempt at the call of s, under mu, that was opened with the
// first message but for rest.
func (k *resend) sendKeptLocked(s *stream, mu *sync.Mutex, attempt exchange.Sent, rest []byte) {
	if len(rest) == 0 && len(k.kept) <= 1 {
		return
	}
	again := append([]*request(nil), k.kept...)
	for _, r := range again {
		r.holders++
	}
	before, resent, closed := k.resent, make(chan struct{}), k.closed
	k.resent = resent
	go func() { // ends when all is sent, or with the stream
		defer close(resent)
		if before != nil {
			<-before // its stream has ended
		}
		s.sendAgain(mu, attempt, again, rest, closed)
	}()
}

// sendAgain sends what earlier attempts were sent: rest is what is left of the first message.
func (s *stream) sendAgain(mu *sync.Mutex, attempt exchange.Sent, again []*request, rest []byte, closed bool) {
	var err error
	messages := 1
	for i, r := range again {
		end := closed && i == len(again)-1
		data := r.encoded.B
		if i == 0 {
			data = rest
		} else {
			messages = s.sentAgain(messages, data)
		}
		if err == nil && len(data) > 0 {
			err = attempt.Send(s.ctx, data, end)
		}
		mu.Lock()
		r.drop()
		mu.Unlock()
	}
}

// sentAgain reports that messages are sent again, behind so many others, and returns how many there are with them.
func (s *stream) sentAgain(messages int, data []byte) int {
	for len(data) > 0 && s.tap.On() {
		length := wire.PrefixBytes + int(binary.BigEndian.Uint32(data[1:wire.PrefixBytes]))
		messages++
		s.step(farcall.StepSendRequest, messages, length, nil)
		data = data[length:]
	}
	return messages
}

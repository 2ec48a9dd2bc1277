// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

// bodyBuffer is what has come of a request's body over HTTP/1.1 and was not taken, whoever reads it. One goroutine uses it.
type bodyBuffer struct {
	in    []byte // in[taken:] was received and not taken
	taken int
	ended error // io.EOF or the failure of the body
}

func (b *bodyBuffer) Buffered() int { return len(b.in) - b.taken }

func (b *bodyBuffer) Next(n int) []byte {
	b.taken += n
	return b.in[b.taken-n : b.taken]
}

// Peek returns buffered bytes without taking them.
func (b *bodyBuffer) Peek(n int) []byte { return b.in[b.taken : b.taken+n] }

// makeRoom makes the buffer grow with what has come, never with what was announced.
func (b *bodyBuffer) makeRoom() {
	if len(b.in) < cap(b.in) {
		return
	}
	larger := make([]byte, b.Buffered(), max(4096, 2*b.Buffered()))
	copy(larger, b.in[b.taken:])
	b.in, b.taken = larger, 0
}

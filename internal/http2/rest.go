// SPDX-License-Identifier: Apache-2.0

package http2

// A connection rests while it waits for its peer and its reader is not hot. It holds what the protocol makes it remember,
// and nothing else that the next frames can have anew.
//
// That includes the stack. To handle a frame takes more than the 2 KiB that a goroutine begins with, and a stack that has
// grown does not shrink again as long as a wait uses some of it. So the goroutine that has handled frames ends, and one
// that has only waited becomes the reader when there is something to read.

// rest ends the reader goroutine, and leaves its role to one that waits.
func (c *Conn) rest() {
	c.reader.decoder.Trim()
	c.inline.trim()
	c.mu.Lock()
	c.resting = true
	c.trimLocked()
	c.mu.Unlock()
	go c.await() // ends as readLoop does
}

// await waits on a small stack.
func (c *Conn) await() {
	_ = c.socket.await() // what went wrong, the read says again
	c.mu.Lock()
	c.resting = false
	c.mu.Unlock()
	c.readLoop()
}

// trimLocked lets go of what a connection does not need that rests, has no stream and nothing to write.
func (c *Conn) trimLocked() {
	if !c.resting || c.streams.len() > 0 || c.writing || c.err != nil || !c.nothingToWrite() {
		return
	}
	c.dropBuffersLocked()
	c.streams, c.bulkStreams, c.unstamped, c.aside = table{}, nil, nil, nil
	c.encoder.Trim()
}

// dropBuffersLocked lets go of the out-buffers. There is nothing in them, and there is no writer.
func (c *Conn) dropBuffersLocked() {
	c.fast, c.bulk, c.spareFast, c.spareBulk, c.open = nil, nil, nil, nil, openFrame{}
	c.socket.dropSpare()
}

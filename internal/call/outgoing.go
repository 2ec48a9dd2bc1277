// SPDX-License-Identifier: Apache-2.0

package call

import (
	"context"

	"github.com/farcall/farcall"
)

// Outgoing is what a caller's context asks of one call: the metadata to send, and where the answer's metadata goes.
type Outgoing struct {
	claimed *farcall.Call     // nil if the caller does not collect the answer's metadata
	base    farcall.Metadata  // what the caller's context sends; shared with it
	request *farcall.Metadata // base as interceptors have changed it; nil until one wants to
	sent    farcall.Metadata  // what the last attempt has sent

	compression string // of the requests; "" for what the options say
}

// Claim reads the caller's context. A Call in it belongs to this call from now on; the error says that it belonged to
// an earlier one.
func Claim(ctx context.Context) (Outgoing, error) {
	claimed, err := farcall.ClaimCall(ctx)
	if err != nil {
		return Outgoing{}, err
	}
	base := farcall.OutgoingMetadata(ctx)
	return Outgoing{claimed: claimed, base: base, sent: base, compression: farcall.OutgoingCompression(ctx)}, nil
}

// Compression returns what the caller's context says of the requests' compression, "" for nothing.
func (o *Outgoing) Compression() string { return o.compression }

// Compressing reports whether the caller wants the messages that are sent now to be compressed.
func (o *Outgoing) Compressing() bool { return o.claimed == nil || o.claimed.Compressing() }

// RequestHeader returns what the call will send, for interceptors to change.
func (o *Outgoing) RequestHeader() *farcall.Metadata {
	if o.request == nil {
		request := o.base.Clone()
		o.request = &request
	}
	return o.request
}

// Metadata returns what the call sends where nobody stands between the caller and the call.
func (o *Outgoing) Metadata() farcall.Metadata { return o.base }

// Open returns the metadata that a call opened with ctx sends: the caller's, as changed by way of RequestHeader, and
// then what interceptors and the observer have added to the context.
func (o *Outgoing) Open(ctx context.Context) farcall.Metadata {
	o.sent = o.base
	if o.request != nil {
		o.sent = *o.request
	}
	now := farcall.OutgoingMetadata(ctx)
	known := prefixLength(now, o.base)
	if now.Len() == known {
		return o.sent
	}
	o.sent = o.sent.Clone()
	for key, value := range now.All() {
		if known > 0 {
			known--
			continue
		}
		o.sent.Add(key, value)
	}
	return o.sent
}

// prefixLength returns how many entries of now are those of base, which contexts only ever append to: all of base, or
// none if now comes from a context that does not descend from the caller's.
func prefixLength(now, base farcall.Metadata) int {
	if base.Len() == 0 || now.Len() < base.Len() {
		return 0
	}
	var room [16][2]string // for ordinary metadata: longer costs an allocation
	known := room[:0]
	for key, value := range base.All() {
		known = append(known, [2]string{key, value})
	}
	at := 0
	for key, value := range now.All() {
		if at == len(known) {
			break
		}
		if known[at] != [2]string{key, value} {
			return 0
		}
		at++
	}
	return at
}

// Deliver hands the answer's metadata to the Call that the caller made, if there is one.
func (o *Outgoing) Deliver(method *farcall.Method, peer farcall.Peer, header, trailer farcall.Metadata) {
	if o.claimed != nil {
		o.claimed.Deliver(method, peer, o.sent, header, trailer)
	}
}

// Collects reports whether the caller wants the answer's metadata.
func (o *Outgoing) Collects() bool { return o.claimed != nil }

// SPDX-License-Identifier: Apache-2.0

package server

import (
	"time"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/internal/http2"
)

// frameTap shows a FrameObserver what the engine's connections send and receive.
type frameTap struct{ observer farcall.FrameObserver }

func (t frameTap) Frame(conn *http2.Conn, sent bool, header frame.Header, payload []byte) {
	t.observer.Frame(farcall.FrameEvent{Local: conn.LocalAddr(), Remote: conn.Peer().Address, Sent: sent,
		Stream: header.Stream, Type: header.Type.String(), Flags: uint8(header.Flags), Payload: payload, Time: time.Now()})
}

func (t frameTap) Head(conn *http2.Conn, sent bool, stream uint32, head exchange.Head, block []byte) {
	var fields []farcall.HeaderField
	for field := range head.All {
		fields = append(fields, farcall.HeaderField{Name: field.Name, Value: field.Value})
	}
	t.observer.HeaderBlock(farcall.HeaderBlockEvent{Local: conn.LocalAddr(), Remote: conn.Peer().Address, Sent: sent,
		Stream: stream, Fields: fields, Block: block, Time: time.Now()})
}

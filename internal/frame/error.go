// SPDX-License-Identifier: Apache-2.0

package frame

import "strconv"

// ErrorCode is the reason that RST_STREAM and GOAWAY carry.
type ErrorCode uint32

// The codes (RFC 9113 section 7).
const (
	NoError            ErrorCode = 0x0
	ProtocolError      ErrorCode = 0x1
	InternalError      ErrorCode = 0x2
	FlowControlError   ErrorCode = 0x3
	SettingsTimeout    ErrorCode = 0x4
	StreamClosed       ErrorCode = 0x5
	FrameSizeError     ErrorCode = 0x6
	RefusedStream      ErrorCode = 0x7
	Cancel             ErrorCode = 0x8
	CompressionError   ErrorCode = 0x9
	ConnectError       ErrorCode = 0xa
	EnhanceYourCalm    ErrorCode = 0xb
	InadequateSecurity ErrorCode = 0xc
	HTTP11Required     ErrorCode = 0xd
)

var errorCodeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String returns the name that RFC 9113 gives the code.
func (c ErrorCode) String() string {
	if int64(c) < int64(len(errorCodeNames)) {
		return errorCodeNames[c]
	}
	return "ERROR_CODE_" + strconv.FormatUint(uint64(c), 10)
}

// Error is what a Parse function returns for a frame that the peer must not send. Its blast radius is in the value: a
// stream error (RFC 9113 section 5.4.2) ends one stream, a connection error (section 5.4.1) ends them all.
type Error struct {
	Stream uint32 // 0: the whole connection
	Code   ErrorCode
	Reason string
}

// Error returns the code, the stream if it is one's, and the reason.
func (e *Error) Error() string {
	text := e.Code.String()
	if e.Stream != 0 {
		text += " on stream " + strconv.FormatUint(uint64(e.Stream), 10)
	}
	return text + ": " + e.Reason
}

func connectionError(code ErrorCode, reason string) error {
	return &Error{Code: code, Reason: reason}
}

func streamError(stream uint32, code ErrorCode, reason string) error {
	return &Error{Stream: stream, Code: code, Reason: reason}
}

// wantStream checks that the frame belongs to a stream.
func wantStream(h Header) error {
	if h.Stream == 0 {
		return connectionError(ProtocolError, h.Type.String()+" on stream 0, which is the connection")
	}
	return nil
}

// wantConnection checks that the frame belongs to no stream.
func wantConnection(h Header) error {
	if h.Stream != 0 {
		return connectionError(ProtocolError, h.Type.String()+" on a stream: it belongs to the connection, stream 0")
	}
	return nil
}

// wantLength checks the length of a frame whose payload has a fixed size.
func wantLength(h Header, payload []byte, length int) error {
	if len(payload) != length {
		return connectionError(FrameSizeError,
			h.Type.String()+" of "+strconv.Itoa(len(payload))+" bytes: it has "+strconv.Itoa(length))
	}
	return nil
}

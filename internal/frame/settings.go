// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"encoding/binary"
	"strconv"
)

// SettingID names a setting.
type SettingID uint16

// The settings (RFC 9113 section 6.5.2).
const (
	HeaderTableSize      SettingID = 0x1
	EnablePush           SettingID = 0x2
	MaxConcurrentStreams SettingID = 0x3
	InitialWindowSize    SettingID = 0x4
	MaxFrameSize         SettingID = 0x5
	MaxHeaderListSize    SettingID = 0x6
)

var settingNames = [...]string{
	1: "HEADER_TABLE_SIZE", 2: "ENABLE_PUSH", 3: "MAX_CONCURRENT_STREAMS", 4: "INITIAL_WINDOW_SIZE",
	5: "MAX_FRAME_SIZE", 6: "MAX_HEADER_LIST_SIZE",
}

// String returns the name that RFC 9113 gives the setting.
func (id SettingID) String() string {
	if id > 0 && int(id) < len(settingNames) {
		return settingNames[id]
	}
	return "SETTING_" + strconv.Itoa(int(id))
}

// Setting is one parameter of a SETTINGS frame.
type Setting struct {
	ID    SettingID
	Value uint32
}

const settingBytes = 6

// ParseSettings calls each for every setting of a SETTINGS frame in order, unknown ones included (they are to be
// ignored), and stops at the first error (RFC 9113 section 6.5). Each setting's value is within what section 6.5.2
// allows. An acknowledgement, which h.Flags shows, has none.
func ParseSettings(h Header, payload []byte, each func(Setting) error) error {
	if err := wantConnection(h); err != nil {
		return err
	}
	if h.Flags.Has(Ack) && len(payload) != 0 {
		return connectionError(FrameSizeError, "an acknowledgement of SETTINGS with a payload")
	}
	if len(payload)%settingBytes != 0 {
		return connectionError(FrameSizeError, "SETTINGS whose length is no multiple of 6")
	}
	for ; len(payload) > 0; payload = payload[settingBytes:] {
		setting := Setting{
			ID:    SettingID(binary.BigEndian.Uint16(payload)),
			Value: binary.BigEndian.Uint32(payload[2:]),
		}
		if err := setting.check(); err != nil {
			return err
		}
		if err := each(setting); err != nil {
			return err
		}
	}
	return nil
}

func (s Setting) check() error {
	switch {
	case s.ID == EnablePush && s.Value > 1:
		return connectionError(ProtocolError, "ENABLE_PUSH is neither 0 nor 1")
	case s.ID == InitialWindowSize && s.Value > LargestWindow:
		return connectionError(FlowControlError, "INITIAL_WINDOW_SIZE above 2^31-1")
	case s.ID == MaxFrameSize && (s.Value < SmallestMaxFrame || s.Value > LargestMaxFrame):
		return connectionError(ProtocolError, "MAX_FRAME_SIZE outside of 2^14 to 2^24-1")
	}
	return nil
}

// AppendSettings appends a SETTINGS frame.
func AppendSettings(dst []byte, settings ...Setting) []byte {
	dst = AppendHeader(dst, Header{Length: settingBytes * len(settings), Type: Settings})
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Value)
	}
	return dst
}

// AppendSettingsAck appends the acknowledgement of a SETTINGS frame.
func AppendSettingsAck(dst []byte) []byte {
	return AppendHeader(dst, Header{Type: Settings, Flags: Ack})
}

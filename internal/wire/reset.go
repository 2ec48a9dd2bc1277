// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/farcall/farcall"

// ResetCode returns the code of a call that the server ended with RST_STREAM and this HTTP/2 error code (PROTOCOL-HTTP2.md,
// section "Errors"; RFC 9113 section 7 has the numbers). What the table there leaves out is INTERNAL where HTTP/2 knows
// the number and UNKNOWN where it does not.
func ResetCode(http2Code uint32) farcall.Code {
	switch http2Code {
	case 0x7: // REFUSED_STREAM: nothing was processed
		return farcall.Unavailable
	case 0x8: // CANCEL
		return farcall.Canceled
	case 0xb: // ENHANCE_YOUR_CALM
		return farcall.ResourceExhausted
	case 0xc: // INADEQUATE_SECURITY
		return farcall.PermissionDenied
	}
	if http2Code <= 0xd {
		return farcall.Internal
	}
	return farcall.Unknown
}

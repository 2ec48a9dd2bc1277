// SPDX-License-Identifier: Apache-2.0

//go:build farcall_noyield

package http2

const yields = false

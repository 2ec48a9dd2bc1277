// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_noyield

package http2

// yields is false in a program that the bench builds to see what yields before writes bring; see docs/performance.md.
const yields = true

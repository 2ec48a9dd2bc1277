// SPDX-License-Identifier: Apache-2.0

// Package messagespb has the messages of the benchmark with the methods of farcall and of vtprotobuf.
package messagespb

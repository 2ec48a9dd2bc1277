// SPDX-License-Identifier: Apache-2.0

// Package h2specd runs h2specd (github.com/summerwind/h2spec) on our client: in each of its cases it is a server that does
// what RFC 9113 forbids, or rarely sees, and judges what the client does about it.
//
// It is content with little: wherever it waits for a connection to fail, a client that leaves has passed, whatever the
// reason, so that one which says hello and hangs up passes 45 of 57. So each of its cases is played here once
// more, by a server of our own that wants the answer of RFC 9113 to the letter: the error's scope and code, and whether
// the connection goes on.
package h2specd

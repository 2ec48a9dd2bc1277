// SPDX-License-Identifier: Apache-2.0

// Package h2spec runs h2spec (github.com/summerwind/h2spec) on our server: case by case of RFC 9113 and RFC 7541 it sends
// what a client must not send, or rarely does, and judges what comes back. Besides, it has the usual programs for HTTP/2
// call our server.
//
// All cases count, also those of its strict mode. None of them demands what RFC 9113 forbids, so there is no list of
// exceptions: a case that does not pass, or is not tried, is a failure.
package h2spec

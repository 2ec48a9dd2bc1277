// SPDX-License-Identifier: Apache-2.0

// Package corpus tries the generator on the .proto files of other people: all that google.golang.org/genproto and
// github.com/envoyproxy/go-control-plane/envoy were made from, and what these import.
//
// A program that links their packages (dump) writes what they register, and encoded messages of every type. The
// generators make Go packages of that anew, which a second program (testdata/roundtrip) links: two of one file in one
// program would panic. The second program decodes and encodes every message with farcall's codec, and registers every
// service on a server.
//
// By default that is a sample; "make corpus" takes the whole.
package corpus

//go:generate sh packages.sh

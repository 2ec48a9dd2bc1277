// SPDX-License-Identifier: Apache-2.0

package plan

// Idle is a number of connections without calls.
type Idle struct {
	System      string
	TLS         bool
	Connections int
}

// IdleSystems are those whose idle connections are weighed.
var IdleSystems = []string{Subject, Baseline, HTTPJSON, ConnectGRPC, DRPC, Kitex}

// IdleConnections returns what is weighed: every system with each number of connections, in plaintext and over TLS.
func IdleConnections(short bool) []Idle {
	var all []Idle
	for _, connections := range []int{1_000, 10_000} {
		for _, tls := range []bool{false, true} {
			for _, system := range IdleSystems {
				if short && connections > 1_000 || tls && system == Kitex { // whose server has no option for TLS
					continue
				}
				all = append(all, Idle{System: system, TLS: tls, Connections: connections})
			}
		}
	}
	return all
}

// ColdSystems are those whose cold start is timed.
var ColdSystems = []string{Subject, Baseline, Floor, HTTPJSON, ConnectGRPC, DRPC, Kitex, CPlusPlus}

// Binary is a program of sizes/ whose stripped size is reported.
type Binary struct {
	Name   string
	About  string
	Folder string
	Tags   string
}

// Binaries are all of them.
var Binaries = []Binary{
	{Name: "everything", About: "farcall: gRPC, REST, TLS, health and reflection", Folder: "everything"},
	{Name: "grpconly", About: "farcall: gRPC only, built with -tags farcall_grpconly", Folder: "farcall", Tags: "farcall_grpconly"},
	{Name: "grpconly+TLS", About: "farcall: gRPC only over TLS, built with -tags farcall_grpconly", Folder: "secure", Tags: "farcall_grpconly"},
	{Name: "farcall", About: "the same program without the tag", Folder: "farcall"},
	{Name: "grpc-go", About: "grpc-go: the same service", Folder: "grpcgo"},
	{Name: "net/http", About: "net/http with protobuf: the same service", Folder: "nethttp"},
}

// SPDX-License-Identifier: Apache-2.0

// Package attribution says where the CPU of a profile went: to which layer each of its samples belongs.
package attribution

// Layer is what a sample is attributed to.
type Layer string

// The layers below a system's own code. Whatever a system calls them for, the time is theirs.
const (
	KernelWrite  Layer = "kernel: write"
	KernelRead   Layer = "kernel: read"
	KernelPoll   Layer = "kernel: epoll"
	KernelFutex  Layer = "kernel: futex"
	KernelOthers Layer = "kernel: other calls"
	Scheduler    Layer = "Go scheduler"
	Locks        Layer = "locks"
	Memory       Layer = "allocation, GC"
	Copying      Layer = "copying bytes"
	Network      Layer = "net, internal/poll"
)

// The layers of the systems' own code.
const (
	HTTP2    Layer = "internal/http2"
	HPACK    Layer = "internal/hpack"
	Frame    Layer = "internal/frame"
	Wire     Layer = "internal/wire"
	Exchange Layer = "internal/exchange"
	Buffer   Layer = "internal/buffer"
	Call     Layer = "internal/call"
	Client   Layer = "client"
	Server   Layer = "server"
	Root     Layer = "farcall (root)"
	Codec    Layer = "codec, generated code"
	Floor    Layer = "the floor"
	GRPC     Layer = "grpc-go"
	Protobuf Layer = "protobuf-go"
	Harness  Layer = "harness"
	Others   Layer = "other"
)

// Layers are all of them, in the order in which they are shown.
var Layers = []Layer{
	KernelWrite, KernelRead, KernelPoll, KernelFutex, KernelOthers, Scheduler, Locks, Memory, Copying, Network,
	HTTP2, HPACK, Frame, Wire, Exchange, Buffer, Call, Client, Server, Root, Codec, Floor, GRPC, Protobuf, Harness, Others,
}

// Group is some layers that are shown as one number.
type Group struct {
	Name   string
	Layers []Layer
}

// Groups are what every system has, so that systems can be compared; each layer is in one.
var Groups = []Group{
	{"kernel: write", []Layer{KernelWrite}},
	{"kernel: read", []Layer{KernelRead}},
	{"kernel: epoll, futex, other", []Layer{KernelPoll, KernelFutex, KernelOthers}},
	{"Go scheduler", []Layer{Scheduler}},
	{"locks", []Layer{Locks}},
	{"allocation, GC", []Layer{Memory}},
	{"copying bytes", []Layer{Copying}},
	{"protocol", []Layer{Network, HTTP2, HPACK, Frame, Wire, Exchange, Buffer, Call, Client, Server, Root, Floor, GRPC}},
	{"encoding", []Layer{Codec, Protobuf}},
	{"harness, other", []Layer{Harness, Others}},
}

// OwnLayers are those of farcall's packages.
var OwnLayers = []Layer{HTTP2, HPACK, Frame, Wire, Exchange, Buffer, Call, Client, Server, Root, Codec}

// packages are the layers of the packages whose frames can claim a sample, the first that fits. A name that ends in a slash
// stands for all packages below it.
var packages = []struct {
	path  string
	layer Layer
}{
	{"github.com/farcall/farcall/internal/http2", HTTP2},
	{"github.com/farcall/farcall/internal/hpack", HPACK},
	{"github.com/farcall/farcall/internal/frame", Frame},
	{"github.com/farcall/farcall/internal/wire", Wire},
	{"github.com/farcall/farcall/internal/exchange", Exchange},
	{"github.com/farcall/farcall/internal/buffer", Buffer},
	{"github.com/farcall/farcall/internal/call", Call},
	{"github.com/farcall/farcall/client", Client},
	{"github.com/farcall/farcall/server", Server},
	{"github.com/farcall/farcall", Root},
	{"github.com/farcall/farcall/codec", Codec},
	{"github.com/farcall/farcall/bench/chargepb", Codec},
	{"github.com/farcall/farcall/bench/", Harness},
	{"github.com/HdrHistogram/", Harness},
	{"runtime/pprof", Harness},
	{"google.golang.org/protobuf/", Protobuf},
	{"google.golang.org/grpc", GRPC},
	{"google.golang.org/grpc/", GRPC},
	{"golang.org/x/net/", GRPC},
	{"net", Network},
	{"internal/poll", Network},
}

// SPDX-License-Identifier: Apache-2.0

package attribution

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

const (
	http2   = "github.com/farcall/farcall/internal/http2."
	syscall = "internal/runtime/syscall/linux.Syscall6 syscall.RawSyscall6 syscall.Syscall "

	nonblock = "github.com/farcall/farcall/internal/nonblock."
	raw      = "internal/runtime/syscall/linux.Syscall6 syscall.RawSyscall6 syscall.RawSyscall " + nonblock + "raw "
)

// Frames are given innermost first, as a profile has them.
func TestLayers(t *testing.T) {
	for _, test := range []struct {
		frames string
		want   Layer
	}{
		// A system call is what it is called for, whoever calls.
		{syscall + "syscall.write syscall.Write " + http2 + "(*socket).tryWriteDescriptor " + http2 + "(*Conn).write", KernelWrite},
		{syscall + "syscall.write syscall.Write internal/poll.ignoringEINTRIO internal/poll.(*FD).Write net.(*conn).Write main.(*client).send", KernelWrite},
		{syscall + "internal/poll.writev internal/poll.(*FD).Writev net.(*Buffers).WriteTo main.(*queue).writeTo", KernelWrite},
		{raw + nonblock + "read " + nonblock + "Read " + http2 + "(*socket).tryReadDescriptor", KernelRead},
		{raw + nonblock + "write " + nonblock + "Write " + http2 + "writeDescriptor", KernelWrite},
		{syscall + "syscall.read syscall.Read " + http2 + "(*socket).readDescriptor", KernelRead},
		{"internal/runtime/syscall/linux.Syscall6 syscall.RawSyscall6 syscall.Syscall6 syscall.recvfrom syscall.Recvfrom " + http2 + "(*socket).peek", KernelRead},
		{"internal/runtime/syscall/linux.Syscall6 internal/runtime/syscall/linux.EpollWait runtime.netpoll runtime.findRunnable runtime.schedule", KernelPoll},
		{"runtime.futex runtime.futexwakeup runtime.notewakeup runtime.startm runtime.wakep runtime.ready", KernelFutex},
		{syscall + "syscall.setsockopt syscall.SetsockoptInt internal/poll.(*FD).SetsockoptInt net.setKeepAlive", KernelOthers},
		{"runtime.usleep runtime.osyield_no_g runtime.lock2 runtime.mallocgc " + http2 + "(*Conn).flush", KernelOthers},
		// The runtime, by its innermost part that is a layer.
		{"runtime.nextFreeFast runtime.mallocgcSmallScanNoHeader runtime.mallocgc runtime.newobject github.com/farcall/farcall/client.(*Conn).invoke", Memory},
		{"runtime.memclrNoHeapPointers runtime.mallocgcLarge runtime.mallocgc runtime.makeslice github.com/farcall/farcall/internal/buffer.Get", Memory},
		{"runtime.scanObject runtime.gcDrain runtime.gcBgMarkWorker.func2 runtime.systemstack runtime.gcBgMarkWorker", Memory},
		{"runtime.gcWriteBarrier2 " + http2 + "(*Conn).takeLocked", Memory},
		{"sync.(*Pool).Get github.com/farcall/farcall/internal/buffer.Get", Memory},
		{"runtime.lock2 runtime.chansend runtime.selectnbsend " + http2 + "(*waiter).wake", Scheduler},
		{"internal/runtime/atomic.(*Uint32).CompareAndSwap runtime.casgstatus runtime.execute runtime.schedule runtime.park_m runtime.mcall", Scheduler},
		{"runtime.runqput runtime.ready runtime.goready.func1 runtime.systemstack runtime.send runtime.chansend main.(*client).read", Scheduler},
		{"internal/sync.(*Mutex).Lock sync.(*Mutex).Lock " + http2 + "(*stream).Want", Locks},
		{"runtime.semacquire1 sync.runtime_SemacquireMutex internal/sync.(*Mutex).lockSlow sync.(*Mutex).Lock", Locks},
		{"runtime.memmove " + http2 + "(*stream).store", Copying},
		// What says nothing is its caller's.
		{"internal/runtime/maps.(*Map).getWithoutKey runtime.mapaccess1_fast32 " + http2 + "(*Conn).find " + http2 + "(*Conn).read", HTTP2},
		{"runtime.memequal github.com/farcall/farcall/internal/hpack.(*Decoder).Decode " + http2 + "(*Conn).headers", HPACK},
		{"runtime.nanotime time.Now " + http2 + "(*Conn).flush", HTTP2},
		{"sync/atomic.(*Int64).Add github.com/farcall/farcall/client.(*Conn).enter", Client},
		// Packages, by the innermost.
		{"github.com/farcall/farcall/internal/frame.ParseHeader " + http2 + "(*reader).next", Frame},
		{"github.com/farcall/farcall/internal/wire.ParseTimeout github.com/farcall/farcall/server.(*Server).accept", Wire},
		{"github.com/farcall/farcall.Invoke[go.shape.struct { net/http.x int }] github.com/farcall/farcall/bench/chargepb.paymentsClient.Charge", Root},
		{"github.com/farcall/farcall.(*Metadata).Get main.authorize", Root},
		{"github.com/farcall/farcall/bench/chargepb.(*ChargeRequest).Farcall_append github.com/farcall/farcall/codec.Append", Codec},
		{"github.com/farcall/farcall/codec.SizeVarint github.com/farcall/farcall/bench/chargepb.(*ChargeRequest).Farcall_size", Codec},
		{"google.golang.org/protobuf/internal/impl.(*MessageInfo).marshal google.golang.org/protobuf/proto.Marshal google.golang.org/grpc.encode", Protobuf},
		{"golang.org/x/net/http2/hpack.(*Encoder).WriteField google.golang.org/grpc/internal/transport.(*loopyWriter).writeHeader", GRPC},
		{"google.golang.org/grpc.(*Server).processUnaryRPC", GRPC},
		{"github.com/farcall/farcall/bench/harness.work github.com/farcall/farcall/bench/harness.runClosed.func1", Harness},
		{"internal/poll.(*fdMutex).rwlock internal/poll.(*FD).Read net.(*conn).Read main.(*messages).next", Network},
		{"main.(*messages).next main.(*server).serve", Floor},
		{"strings.Index example.org/unheard.Of", Others},
		{"", Others},
	} {
		if got := layerOf(strings.Fields(strings.ReplaceAll(test.frames, " { net/http.x int }", "")), Floor); got != test.want {
			t.Errorf("%s\nis attributed to %q, want %q", test.frames, got, test.want)
		}
	}
}

// made returns a profile with one sample for each list of frames, the nth of n times 10 ms, in which the two innermost frames are
// inlined into one place.
func made(stacks ...[]string) *profile.Profile {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 10_000_000,
	}
	for n, frames := range stacks {
		sample := &profile.Sample{Value: []int64{int64(n + 1), int64(n+1) * 10_000_000}}
		for i, name := range frames {
			function := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			p.Function = append(p.Function, function)
			if i == 1 {
				sample.Location[0].Line = append(sample.Location[0].Line, profile.Line{Function: function})
				continue
			}
			location := &profile.Location{ID: uint64(len(p.Location) + 1), Line: []profile.Line{{Function: function}}}
			p.Location, sample.Location = append(p.Location, location), append(sample.Location, location)
		}
		p.Sample = append(p.Sample, sample)
	}
	return p
}

func TestRead(t *testing.T) {
	var file bytes.Buffer
	if err := made(
		[]string{"runtime.memequal", http2 + "(*Conn).find", http2 + "(*Conn).read"},
		[]string{"runtime.memmove", "runtime.growslice", http2 + "(*Conn).read"},
		[]string{http2 + "(*Conn).read", http2 + "(*Conn).serve"},
		[]string{"main.payments.Charge", "github.com/farcall/farcall/server.(*Server).handle"},
		[]string{"fmt.Appendf", "github.com/farcall/farcall/bench/harness.NewPayload", "github.com/farcall/farcall/bench/harness.prepareAll"}, // is left out
		[]string{"runtime.mallocgc", "regexp.MustCompile", "example.org/anything.init", "runtime.doInit1", "runtime.doInit"},                  // as well
	).Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file, Harness)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Layer]int64{HTTP2: 40_000_000, Copying: 20_000_000, Harness: 40_000_000}
	if got.Samples != 10 || got.Total != 100_000_000 || !maps.Equal(got.Layers, want) {
		t.Errorf("got %+v, want layers %v", got, want)
	}
	if share := got.Share(Copying); share != 0.2 {
		t.Errorf("copying is %v of the profile, want 0.2", share)
	}
	if nothing := new(Profile); nothing.Share(Copying) != 0 || nothing.Share(Others) != 1 {
		t.Errorf("without samples, copying is %v and what is not known %v", nothing.Share(Copying), nothing.Share(Others))
	}
}

func TestNotACPUProfile(t *testing.T) {
	if _, err := Read(strings.NewReader("no profile"), Harness); err == nil {
		t.Error("text is accepted")
	}
	heap := made([]string{"main.main"})
	heap.SampleType[1].Type = "inuse_space"
	if _, err := Of(heap, Harness); err == nil {
		t.Error("a profile of the heap is accepted")
	}
}

// Each layer is shown once: in one group, and in the order of all.
func TestGroups(t *testing.T) {
	var grouped []Layer
	for _, group := range Groups {
		grouped = append(grouped, group.Layers...)
	}
	slices.Sort(grouped)
	all := slices.Sorted(slices.Values(Layers))
	if !slices.Equal(grouped, all) {
		t.Errorf("the groups have the layers\n%q, want\n%q", grouped, all)
	}
	for _, p := range packages {
		if !slices.Contains(Layers, p.layer) {
			t.Errorf("%s is in no layer that is shown", p.path)
		}
	}
}

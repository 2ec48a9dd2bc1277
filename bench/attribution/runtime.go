// SPDX-License-Identifier: Apache-2.0

package attribution

import "strings"

// parts are the beginnings of functions of the Go runtime that are layers of their own. What is not here (memory that is
// compared or cleared, maps, the clock) is its caller's.
var parts = []struct {
	layer  Layer
	begins []string
}{
	{Memory, []string{
		// allocation
		"mallocgc", "newobject", "newarray", "makeslice", "growslice", "nextFree", "heapSetType", "publicationBarrier", "persistentalloc", "profilealloc",
		"(*mheap)", "(*mcache)", "(*mcentral)", "(*mspan)", "(*page", "(*fixalloc)", "(*consistentHeapStats)",
		// garbage collection
		"gc", "bg", "scan", "grey", "mark", "sweep", "wb", "deductAssistCredit", "findObject", "spanOf", "bulkBarrier", "heapBits", "typePointers", "typedmemclr",
		"tryDeferToSpanScan", "spanInlineMark", "getempty", "putempty", "trygetfull", "putfull", "clearpools", "runFinalizers", "runCleanups", "addspecial",
		"(*gc", "(*sweep", "(*activeSweep)", "(*limiterEvent)", "(*lfstack)", "(*span", "(*scavenge", "(*wbBuf)", "(*stackScan", "(*unwinder)",
		// stacks
		"copystack", "adjust", "stackalloc", "stackfree", "stackcache", "shrinkstack",
	}},
	{Scheduler, []string{
		"schedule", "findRunnable", "execute", "gogo", "mcall", "mstart", "newproc", "malg", "goexit", "gdestroy", "gfget", "gfput", "gosched", "Gosched", "goyield",
		"park", "gopark", "goready", "ready", "goroutineReady", "casgstatus", "casGToWaiting", "dropg",
		"chansend", "chanrecv", "closechan", "select", "send", "recv", "acquireSudog", "releaseSudog",
		"wakep", "startm", "stopm", "mput", "mget", "mPark", "runq", "globrunq", "stealWork", "pidle", "netpoll", "injectglist", "resetspinning", "acquirep", "releasep",
		"wirep", "handoffp", "sysmon", "retake", "note", "semasleep", "semawakeup", "checkTimers",
		"preempt", "asyncPreempt", "doSigPreempt", "newstack", "morestack", "entersyscall", "exitsyscall", "reentersyscall", "save", "coro",
		"(*timer", "(*random", "(*waitq)", "(*gQueue)", "(*gList)", "(*sudog",
	}},
}

// runtimeLayer returns the layer of a frame of the Go runtime or of a lock, if it has one.
func runtimeLayer(path, function string) (Layer, bool) {
	switch path {
	case "runtime":
		for _, p := range parts {
			for _, begin := range p.begins {
				if strings.HasPrefix(function, begin) {
					return p.layer, true
				}
			}
		}
	case "internal/runtime/gc", "internal/runtime/gc/scan":
		return Memory, true
	case "sync", "internal/sync":
		return syncLayer(function)
	}
	return "", false
}

// syncLayer tells pools, which are memory, and what is its caller's, from locks.
func syncLayer(function string) (Layer, bool) {
	begins := func(with ...string) bool {
		for _, begin := range with {
			if strings.HasPrefix(function, begin) {
				return true
			}
		}
		return false
	}
	switch {
	case begins("(*Pool)", "(*pool", "pool", "indexLocal", "runtime_procPin"):
		return Memory, true
	case begins("(*Map)", "(*HashTrieMap", "(*Once)"):
		return "", false
	}
	return Locks, true
}

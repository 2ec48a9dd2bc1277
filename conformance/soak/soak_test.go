// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farcall/farcall/conformance/suites"
)

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		if err := beServer(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// The load: channels of each sort on each side, and callers on each.
const (
	steadyChannels = 2
	roughChannels  = 2
	callers        = 24
)

// growth is what a heap may end above where it began: what a map or a pool of the runtime's keeps.
const growth = 2 << 20

// TestSoak runs for half of SOAKTIME, or a few seconds, with both ends in this process, and then with the server in another.
func TestSoak(t *testing.T) {
	total := 20 * time.Second
	if given := os.Getenv("SOAKTIME"); given != "" {
		var err error
		if total, err = time.ParseDuration(given); err != nil {
			t.Fatalf("SOAKTIME: %v", err)
		}
	}
	t.Run("one process", func(t *testing.T) { soak(t, total/2, false) })
	t.Run("two processes", func(t *testing.T) { soak(t, total/2, true) })
}

func soak(t *testing.T, duration time.Duration, apart bool) {
	certificate := suites.NewCertificate(t)
	var server host
	if apart {
		server = serveElsewhere(t, certificate)
	} else {
		h, err := serveHere(certificate.CertFile, certificate.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		server = h
	}
	plaintext, secured := server.sides()
	sides := []side{{plaintext, nil}, {secured, &tls.Config{RootCAs: certificate.Roots, ServerName: "localhost"}}}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)

	put(t, sides, seed, max(duration/10, time.Second)) // what is made once, and kept, is there then
	before := [2]footprint{measure(), server.footprint()}
	done := put(t, sides, seed+1, duration)
	after := [2]footprint{measure(), server.footprint()}
	if err := server.end(); err != nil {
		t.Errorf("the server's end: %v", err)
	}
	report(done, duration, before, after, apart)
	for i, who := range []string{"client", "server"} {
		if i == 1 && !apart {
			break // it is the same process
		}
		if after[i].Goroutines > before[i].Goroutines {
			t.Errorf("the %s had %d goroutines before and has %d", who, before[i].Goroutines, after[i].Goroutines)
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		}
		if after[i].Heap > before[i].Heap+growth {
			t.Errorf("the %s's heap had %d bytes before and has %d", who, before[i].Heap, after[i].Heap)
		}
	}
	if n := done.wrong.Load(); n > 0 {
		t.Errorf("%d answers are lost or wrong", n)
	}
}

// put puts both ends under load, and returns when that is over and every channel is closed.
func put(t *testing.T, sides []side, seed uint64, duration time.Duration) *counts {
	t.Helper()
	done := &counts{complain: t.Logf}
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var working sync.WaitGroup
	var channels []*channel
	stream := uint64(0)
	dice := func() *rand.Rand { stream++; return rand.New(rand.NewPCG(seed, stream)) }
	for _, s := range sides {
		for i := range steadyChannels + roughChannels {
			ch, err := newChannel(s, i >= steadyChannels, done)
			if err != nil {
				t.Fatal(err)
			}
			channels = append(channels, ch)
			if ch.rough {
				own := dice()
				working.Go(func() { ch.disturb(ctx, own) })
			}
			for range callers {
				own := dice()
				working.Go(func() { ch.work(ctx, own) })
			}
		}
	}
	working.Wait()
	for _, ch := range channels {
		if now := ch.current().Stats(); now.Calls > 0 || now.Waiting > 0 {
			t.Errorf("a channel is left with %+v", now)
		}
		if err := ch.current().Close(); err != nil {
			t.Error(err)
		}
	}
	return done
}

// report prints the figures.
func report(done *counts, duration time.Duration, before, after [2]footprint, apart bool) {
	processes := "one process"
	if apart {
		processes = "two processes"
	}
	total := int64(0)
	var table bytes.Buffer
	for kind, name := range kindNames {
		fmt.Fprintf(&table, "soak:   %-14s", name)
		for disturbance, how := range disturbanceNames {
			n := done.calls[kind][disturbance].Load()
			total += n
			fmt.Fprintf(&table, " %9d %s", n, how)
		}
		fmt.Fprintln(&table)
	}
	fmt.Printf("soak: %s, %v: %d calls, %.0f a second\n%s", processes, duration, total, float64(total)/duration.Seconds(), table.String())
	fmt.Printf("soak:   %d succeeded, %d were broken by %d cuts of connections and %d closed channels, %d connections were opened\n",
		done.succeeded.Load(), done.broken.Load(), done.cuts.Load(), done.closes.Load(), done.dials.Load())
	fmt.Printf("soak:   %d messages with %d MiB were checked, %d answers were lost or wrong\n", done.messages.Load(), done.bytes.Load()>>20, done.wrong.Load())
	for i, who := range []string{"client", "server"} {
		if !apart {
			who = "process"
		}
		fmt.Printf("soak:   %s: goroutines %d before, %d after; heap %d KiB before, %d KiB after\n", who,
			before[i].Goroutines, after[i].Goroutines, before[i].Heap>>10, after[i].Heap>>10)
		if !apart {
			break
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// attack is one way to harm a server. Its script runs on each connection that the attacker has.
type attack struct {
	name  string
	cve   string // "" if nobody has given it a number
	about string // what the attacker does, for the table

	variant bool     // of another attack: it is tested, and measured only with -variants
	secure  bool     // the server speaks TLS
	only    []string // the systems that it concerns; nil: all
	deaf    bool     // the attacker never reads
	each    int      // connections for each that is asked for; 0: one
	least   int64    // frames that the attacker sends at least, where there was an attack; 0: leastFrames
	grows   int64    // by how much the server's memory may grow, where docs/security.md names a limit above mostGrown; 0: mostGrown

	prepare func() // is done before the attack begins; nil: nothing

	// Either the attack is frames: open appends the first, behind preface and SETTINGS, and more appends what comes next,
	// again and again until it says that there is nothing more to send and the connection is to be held.
	settings []setting
	open     func(h *hostile)
	more     func(h *hostile) (again bool)
	// Or it keeps to flow control, because what it has to say is longer than a window: talk returns when it is done with a
	// connection.
	talk func(p *polite) error
	// Or it does as it likes with fresh connections: run has one, whose number is serial, and returns when it is done with it.
	run func(ctx context.Context, nc net.Conn, serial int) error
}

// leastFrames is what must be sent before an attack counts as one. Most send a thousand times as many.
const leastFrames = 100

// happened reports whether an attacker who has that much to show for it has attacked.
func (a attack) happened(s spoils) bool {
	least := a.least
	if least == 0 {
		least = leastFrames
	}
	return s.Connections > 0 && s.Frames >= least
}

// mostGrown is by how much the server's memory may grow.
func (a attack) mostGrown() int64 { return max(a.grows, mostGrown) }

// family is what the attacks of one file have in common.
type family struct {
	about   string
	attacks []attack
}

var families = []family{resets, floods, empties, headers, windows, messages, handshakes, malformed, web, restStreams}

// concerns reports whether the attack makes sense against a system.
func (a attack) concerns(s system) bool { return a.only == nil || slices.Contains(a.only, s.name) }

func everyAttack() (all []attack) {
	for _, f := range families {
		all = append(all, f.attacks...)
	}
	return all
}

func findAttack(name string) (attack, error) {
	all := everyAttack()
	for _, a := range all {
		if a.name == name {
			return a, nil
		}
	}
	return attack{}, fmt.Errorf("no attack %q; there are: %s", name, namesOf(all, func(a attack) string { return a.name }))
}

// spoils is what an attacker has done.
type spoils struct {
	Connections int64         `json:"connections"` // made
	Thrown      int64         `json:"thrown"`      // of those, how many the server has ended
	Frames      int64         `json:"frames"`      // sent; of attacks without frames of their own, connections
	Bytes       int64         `json:"bytes"`       // sent
	CPU         time.Duration `json:"cpu"`
}

// attacker carries an attack out on a number of connections at a time.
type attacker struct {
	attack  attack
	address string
	asked   int // connections
	share   *governor
	stop    context.CancelFunc
	slots   sync.WaitGroup

	connections, thrown, frames, bytes atomic.Int64
}

// startAttacker begins an attack; its goroutines end in end.
func startAttacker(a attack, address string, connections int, share float64) *attacker {
	ctx, stop := context.WithCancel(context.Background())
	w := &attacker{attack: a, address: address, asked: connections, share: newGovernor(share), stop: stop}
	slots := connections * max(1, a.each)
	for slot := range slots {
		w.slots.Go(func() { w.occupy(ctx, slot, slots) })
	}
	return w
}

func (w *attacker) end() spoils {
	w.stop()
	w.slots.Wait()
	return spoils{w.connections.Load(), w.thrown.Load(), w.frames.Load(), w.bytes.Load(), w.share.consumed()}
}

// attackerSource is the address that the attacker comes from: one of its own, so that the ports it uses up are nobody
// else's, and another one for each turn's process. Thousands of ports that wait for their time to pass make the search for
// a free one so long that an attacker with a share of the processor would do little else.
var attackerSource = &net.TCPAddr{IP: net.IPv4(127, 1+byte(os.Getpid()>>8)%100, byte(os.Getpid()), 2)}

// dialPause is how long the attacker waits after an attempt to connect that has failed.
const dialPause = 10 * time.Millisecond

// occupy keeps one connection to the server, and comes again when it is thrown out.
func (w *attacker) occupy(ctx context.Context, slot, slots int) {
	dialer := net.Dialer{LocalAddr: attackerSource, Timeout: time.Second}
	for serial := slot; w.share.wait(ctx); serial += slots {
		nc, err := dialer.DialContext(ctx, "tcp", w.address)
		if err != nil {
			if !pause(ctx, dialPause) {
				return
			}
			continue
		}
		w.connections.Add(1)
		_ = nc.(*net.TCPConn).SetLinger(0) // no port stays behind
		leave := context.AfterFunc(ctx, func() { nc.Close() })
		err = w.harm(ctx, nc, serial)
		leave()
		nc.Close()
		if ctx.Err() == nil && err != nil && !errors.Is(err, errLeave) {
			w.thrown.Add(1)
		}
	}
}

// errLeave is how a script ends a connection of its own will.
var errLeave = errors.New("the attacker leaves")

func (w *attacker) harm(ctx context.Context, nc net.Conn, serial int) error {
	switch {
	case w.attack.run != nil:
		w.frames.Add(1)
		return w.attack.run(ctx, nc, serial)
	case w.attack.talk != nil:
		return w.attack.talk(newPolite(ctx, w, nc))
	}
	return w.script(ctx, nc)
}

// script plays an attack of frames on a connection.
func (w *attacker) script(ctx context.Context, nc net.Conn) error {
	h := newHostile(w.attack.settings)
	h.connections = w.asked
	gone := make(chan struct{})
	if w.attack.deaf {
		_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
		defer close(gone)
	} else {
		go func() { // ends with the connection, which occupy closes
			defer close(gone)
			for buffer := make([]byte, 16<<10); w.share.wait(ctx); {
				if _, err := nc.Read(buffer); err != nil {
					break
				}
			}
			nc.Close() // wakes the writer
		}()
	}
	if w.attack.open != nil {
		w.attack.open(h)
	}
	for again := true; ; {
		if h.out.Len() > 0 {
			n, err := nc.Write(h.out.Bytes())
			w.bytes.Add(int64(n))
			w.frames.Add(int64(h.frames))
			if err != nil {
				return err
			}
			h.out.Reset()
			h.frames = 0
		}
		if !again {
			break
		}
		if !w.share.wait(ctx) || h.usedUp() {
			return errLeave
		}
		again = w.attack.more(h)
	}
	select { // hold it
	case <-ctx.Done():
		return errLeave
	case <-gone:
		return io.ErrClosedPipe
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// TestMain lets the test's program be any process of a turn.
func TestMain(m *testing.M) {
	systems = append(systems, frailSystem)
	if isChild(os.Args[1:]) {
		if err := runProgram(context.Background(), os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "attacks:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestAttacks carries out every attack for a moment, on one connection and on a hundred. One server after the other's
// attacks: farcall loses no call of the well-behaved client, its memory stays within bounds, and afterwards it is as it was.
// How late the calls were is told and not judged, since the machine has other work.
func TestAttacks(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plaintext", true: "tls"}[secure], func(t *testing.T) {
			var on scene
			defer on.end()
			if err := on.startServer(t.Context(), farcallSystem, secure); err != nil {
				t.Fatal(err)
			}
			for _, a := range everyAttack() {
				for _, connections := range []int{1, 100} {
					if a.secure == secure && !t.Run(fmt.Sprintf("%s/%d", a.name, connections), func(t *testing.T) { survive(t, &on, a, connections) }) {
						return // what comes later would be blamed for this
					}
				}
			}
		})
	}
}

// survive lets an attack happen, for as long as it takes until there was one.
func survive(t *testing.T, on *scene, a attack, connections int) {
	const longest = 10 * time.Second
	for lasting := 400 * time.Millisecond; ; lasting *= 2 {
		done, err := on.suffer(t.Context(), a, connections, lasting, defaultShare)
		if err != nil {
			t.Fatal(err)
		}
		if done.Dead {
			t.Fatal("the server is dead")
		}
		if done.lost() > 0 {
			t.Errorf("%d of %d calls were lost: %s", done.lost(), done.Attacked.Calls+done.After.Calls, done.Attacked.Why+done.After.Why)
		}
		if err := callsGoOn(on.caller); err != nil {
			t.Error(err)
		}
		// What Go counts: the race detector has memory of its own, and much of it.
		if grown := int64(done.Peak.Heap) - int64(done.Before.Now.Heap); grown > a.mostGrown() {
			t.Errorf("the server's memory grew by %.0f MiB", mebibytes(grown))
		}
		if err := goroutinesComeBack(on.server, done); err != nil {
			t.Error(err)
		}
		t.Logf("p99 %v, in quiet %v; %+v", done.Attacked.P99, done.Quiet.P99, done.Spoils)
		if a.happened(done.Spoils) {
			return
		}
		if lasting > longest {
			t.Fatalf("that was no attack: %+v", done.Spoils)
		}
	}
}

// callsGoOn waits until calls that were due after the attack have been answered.
func callsGoOn(caller *child) error {
	var had experience
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := caller.ask("", &had); err != nil {
			return err
		}
		if had.Lost > 0 {
			return fmt.Errorf("%d of %d calls after the attack were lost: %s", had.Lost, had.Calls, had.Why)
		}
		if had.Calls > 0 {
			return nil
		}
	}
	return errors.New("no call was made after the attack")
}

// goroutinesComeBack waits until the server has as many goroutines as before the attack: those of the client's new
// connections come and go.
func goroutinesComeBack(server *child, t turn) error {
	const comings = 8
	var now level
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err := server.ask(levelOrder, &now); err != nil {
			return err
		}
		if now.Now.Goroutines <= t.Before.Now.Goroutines+comings {
			return nil
		}
	}
	var stacks string
	if err := server.ask(stacksOrder, &stacks); err != nil {
		return err
	}
	return fmt.Errorf("%d goroutines were there before the attack, and are %d long after it:\n%s", t.Before.Now.Goroutines, now.Now.Goroutines, stacks)
}

// frailSystem is a server that every attack harms: its requests are hoarded, and those that come after a while fail.
var frailSystem = system{
	name: "frail",
	serve: func(listener net.Listener, _ *tls.Config) (func(), error) {
		var requests atomic.Int64
		var hoard atomic.Pointer[[]byte]
		serving := &http.Server{Protocols: onlyHTTP2(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.RemoteAddr, "127.0.0.1:") && requests.Add(1) == 10 { // the attacker's
				held := make([]byte, 2*mostGrown)
				for i := 0; i < len(held); i += os.Getpagesize() { // every byte would take the race detector seconds
					held[i] = 1
				}
				hoard.Store(&held)
			}
			if hoard.Load() != nil {
				http.Error(w, "no more", http.StatusTeapot)
				return
			}
			nethttpPayments().ServeHTTP(w, r)
		})}
		go func() { _ = serving.Serve(listener) }() // ends in Close
		return func() { _ = serving.Close() }, nil
	},
	connect: nethttpSystem.connect,
}

// TestTheJudgeIsNoFriend attacks a server that cannot take it.
func TestTheJudgeIsNoFriend(t *testing.T) {
	a, err := findAttack("rapid-reset")
	if err != nil {
		t.Fatal(err)
	}
	var done turn
	for lasting := 500 * time.Millisecond; done.lost() == 0 && lasting < time.Minute; lasting *= 2 {
		if done, err = (plan{lasting: lasting, share: defaultShare}).takeTurn(t.Context(), frailSystem, a, 1); err != nil {
			t.Fatal(err)
		}
	}
	r := result{attack: a, connections: 1, turns: map[string][]turn{farcallSystem.name: {done}}}
	for _, want := range []string{"calls were lost", "418", "the memory grew"} {
		if why := strings.Join(r.failures(), "\n"); !strings.Contains(why, want) {
			t.Errorf("nothing of %q in:\n%s", want, why)
		}
	}
	if done.Quiet.Lost > 0 {
		t.Errorf("%d calls were lost before the attack", done.Quiet.Lost)
	}
}

// TestEverySystemServes lets each system's own client talk to its server, in plaintext and over TLS.
func TestEverySystemServes(t *testing.T) {
	for _, s := range []system{farcallSystem, grpcgoSystem, nethttpSystem} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", s.name, secure), func(t *testing.T) {
				own, err := serverTLS(secure)
				if err != nil {
					t.Fatal(err)
				}
				var trusted *tls.Config
				if secure {
					if trusted, err = clientTLS(own.Certificates[0].Certificate[0]); err != nil {
						t.Fatal(err)
					}
				}
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				stop, err := s.serve(listener, own)
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				calling, err := startSteady(s, listener.Addr().String(), trusted)
				if err != nil {
					t.Fatal(err)
				}
				pause(t.Context(), 2*arriveInterval)
				if had := calling.next(); had.Calls == 0 || had.Lost > 0 {
					t.Errorf("%+v", had)
				}
				calling.end()
			})
		}
	}
}

func TestMessagesAreWhatTheyClaim(t *testing.T) {
	if size := len(bomb()); size > 1<<20+64<<10 {
		t.Errorf("the bomb has %d bytes", size)
	}
	said := transcript()
	if starts := frameStarts(said); len(starts) < 12 || starts[len(starts)-1] >= len(said) {
		t.Errorf("the transcript's frames begin at %v of %d", starts, len(said))
	}
	if framed, err := appendMessage(nil, watched); err != nil || len(framed) != prefixBytes+proto.Size(watched) {
		t.Errorf("%d bytes, %v", len(framed), err)
	}
}

func TestReplace(t *testing.T) {
	document := t.TempDir() + "/page.md"
	content := "before\n" + beginMarker + "old\n" + endMarker + "after\n"
	if err := os.WriteFile(document, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replace(document, "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(document); err != nil || string(got) != strings.Replace(content, "old", "new", 1) {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(document, []byte("no markers\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replace(document, "new\n"); err == nil {
		t.Error("a document without markers was taken")
	}
}

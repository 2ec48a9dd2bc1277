// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"
	"time"
)

func TestKeepaliveIntervals(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 0, -1: -1, time.Second: 10 * time.Second, time.Minute: time.Minute} {
		if got := (Options{Keepalive: Keepalive{Interval: given}}).withDefaults().Keepalive.Interval; got != want {
			t.Errorf("%v means %v, want %v", given, got, want)
		}
	}
	c, err := New("127.0.0.1:1", Options{Keepalive: Keepalive{Interval: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, step := range []struct{ used, next time.Duration }{
		{time.Minute, 2 * time.Minute},
		{time.Minute, 2 * time.Minute}, // a second connection of the same time
		{2 * time.Minute, 4 * time.Minute},
		{forever, 4 * time.Minute},
	} {
		if c.pingLess(step.used); c.pingInterval() != step.next {
			t.Errorf("after pings every %v were too many: %v, want %v", step.used, c.pingInterval(), step.next)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestObey(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"do":"usage"}` + "\n" + `{"do":"load","load":"charge"}`)
	err := Obey(in, &out, Ready{Address: "127.0.0.1:1"}, func(order Command) (Report, error) {
		if order.Do == DoLoad {
			return Report{}, errors.New("no " + order.Load)
		}
		return Report{Usage: Usage{CPU: 5}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	var hello Ready
	var first, second Report
	for _, into := range []any{&hello, &first, &second} {
		if err := decoder.Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	if hello.Address != "127.0.0.1:1" || first.Usage.CPU != 5 || second.Error != "no charge" {
		t.Errorf("got %+v, %+v, %+v", hello, first, second)
	}
}

func TestParseSetup(t *testing.T) {
	if setup, err := ParseSetup(`{"connections":8,"gzip":true}`); err != nil || setup != (Setup{Connections: 8, Gzip: true}) {
		t.Errorf("got %+v, %v", setup, err)
	}
	if _, err := ParseSetup(`{"conections":8}`); err == nil {
		t.Error("a misspelled name is accepted")
	}
}

func TestUsageAndMemory(t *testing.T) {
	before, err := ownUsage()
	if err != nil {
		t.Fatal(err)
	}
	Charge(NewRequest(50, 10_000_000))
	after, err := ownUsage()
	if err != nil {
		t.Fatal(err)
	}
	if used := after.Since(before); used.CPU <= 0 || used.Allocations < 100 || used.Bytes < 1000 {
		t.Errorf("used %+v", used)
	}
	held := heldMemory()
	stay := make(chan struct{})
	kept := make([]byte, 10<<20)
	for range 10 {
		go func() { <-stay }()
	}
	more := heldMemory().Since(held)
	kept[0] = 1
	close(stay)
	if more.Goroutines != 10 || more.Heap < 10<<20 {
		t.Errorf("ten goroutines and 10 MiB were counted as %+v", more)
	}
}

// SPDX-License-Identifier: Apache-2.0

package hpack

import "testing"

func TestStaticField(t *testing.T) {
	for i := 1; i <= staticEntries; i++ {
		e := staticTable[i]
		if got, exact := staticField(e.Name, e.Value); got != i || !exact {
			t.Errorf("%s %q is at %d (%v), want %d", e.Name, e.Value, got, exact, i)
		}
		got, exact := staticField(e.Name, "another value")
		if exact || got > i || staticTable[got].Name != e.Name || staticTable[got-1].Name == e.Name {
			t.Errorf("the name %s is at %d (%v): not its first entry", e.Name, got, exact)
		}
	}
	for _, name := range []string{"", "x", ":", ":Status", "grpc-timeout", "content-typo", "www-authenticatf"} {
		if got, exact := staticField(name, ""); got != 0 || exact {
			t.Errorf("%q is at %d (%v), want nowhere", name, got, exact)
		}
	}
}

// The ends of each group of RFC 7541 appendix A.
func TestStaticTable(t *testing.T) {
	for i, want := range map[int][2]string{
		1: {":authority", ""}, 2: {":method", "GET"}, 3: {":method", "POST"}, 5: {":path", "/index.html"},
		7: {":scheme", "https"}, 8: {":status", "200"}, 14: {":status", "500"}, 15: {"accept-charset", ""},
		16: {"accept-encoding", "gzip, deflate"}, 19: {"accept", ""}, 23: {"authorization", ""}, 31: {"content-type", ""},
		32: {"cookie", ""}, 38: {"host", ""}, 48: {"proxy-authenticate", ""}, 58: {"user-agent", ""},
		61: {"www-authenticate", ""},
	} {
		if got := staticTable[i]; got.Name != want[0] || got.Value != want[1] {
			t.Errorf("entry %d is %+v, want %v", i, got, want)
		}
	}
}

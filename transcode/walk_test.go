// SPDX-License-Identifier: Apache-2.0

package transcode_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/farcall/farcall/transcode"
)

// walked returns the paths of a text's members, of what is called in* those inside.
func walked(text string) (paths []string) {
	walk := transcode.NewWalk([]byte(text))
	var object func(prefix string)
	object = func(prefix string) {
		for name, ok := walk.Next(); ok; name, ok = walk.Next() {
			paths = append(paths, prefix+name)
			if strings.HasPrefix(name, "in") && walk.Open() {
				object(prefix + name + ".")
			} else {
				walk.Pass()
			}
		}
	}
	if walk.Open() {
		object("")
	}
	return paths
}

func TestWalk(t *testing.T) {
	for _, tc := range []struct {
		text string
		want string
	}{
		{` { } `, ""},
		{`[{"a":1}]`, ""},
		{`"a"`, ""},
		{``, ""},
		{`{"a":1,"b" : null ,"c":"}","d":{"x":{"y":[{}]}},"e":[{"z":0},","]}`, "a b c d e"},
		{`{"in":{},"a":1,"in2":{"b":[],"in":{"c":-1e5}},"d":true}`, "in a in2 in2.b in2.in in2.in.c d"},
		{`{"in":[{"a":1}],"b":2}`, "in b"},
		{`{"\u0061\"":1,"a":2,"a":3}`, `a" a a`},
		{`{"a":1 "b":2}`, "a"},
		{`{"in":{"a":1,"b"`, "in in.a"},
		{`{"a":x,"b":1}`, "a"},
	} {
		if got := strings.Join(walked(tc.text), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.text, got, tc.want)
		}
	}
}

// FuzzWalk compares with the names that encoding/json sees on the outermost level.
func FuzzWalk(f *testing.F) {
	f.Add(`{"a":1,"in":{"b":[]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		got := walked(text)
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || strings.ContainsRune(text, '\\') || strings.ContainsRune(strings.ToValidUTF8(text, "\ufffd"), '\ufffd') {
			return
		}
		for name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%q is not among %q", name, got)
			}
		}
	})
}

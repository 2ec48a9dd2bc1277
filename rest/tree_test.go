// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/farcall/farcall/transcode"
)

// outcome says what a request would be, in a line: the method and its request message, or what is wrong.
func outcome(r *Router, method, target string) string {
	path, query, _ := strings.Cut(target, "?")
	found := r.root.find(method, path)
	switch {
	case found.err != nil:
		return "malformed"
	case found.route == nil && len(found.others) > 0:
		return "405 " + found.allowed()
	case found.route == nil:
		return "404"
	}
	request, err := found.route.bind(input{}, found.path, query)
	if err != nil {
		return err.Error()
	}
	text, err := transcode.Append(nil, request)
	if err != nil {
		return err.Error()
	}
	return found.route.method.Name() + " " + string(text)
}

func TestFind(t *testing.T) {
	rules := []string{
		0:  `get: "/"`,
		1:  `get: "/v1/books"`,
		2:  `get: "/v1/books/{a}"`,
		3:  `get: "/v1/books/special"`,
		4:  `get: "/v1/{a=books/*}/pages/{b}"`,
		5:  `get: "/v1/{a}/x/{b}"`,
		6:  `get: "/v1/files/{a=**}"`,
		7:  `get: "/v1/{a=trees/**}"`,
		8:  `post: "/v1/books/{a}:sell" body: "*"`,
		9:  `get: "/v1/books/{a}:peek"`,
		10: `delete: "/v1/books/{a}"`,
		11: `post: "/v1/books/special" body: "*"`,
		12: `get: "/v1/files/{a=**}:list"`,
		13: `custom { kind: "*" path: "/any/{a}" }`,
		14: `get: "/any/{a}"`,
		15: `get: "/e%2Fe/caf%C3%A9/{a}"`,
		16: `get: "/w/*/{a}/*"`,
		17: `get: "/k/{a=cats}/{b=dogs}"`,
		18: `custom { kind: "HEAD" path: "/v1/books" }`,
		19: `get: "/v1/books:all"`,
		20: `get: "/d/{a=x/*/y}/z"`,
		21: `get: "/d/x/{a}/y/{b}"`,
	}
	router := newRouter(t, Options{}, routed(t, rules...)...)
	for _, tc := range []struct{ method, path, want string }{
		{"GET", "/", `M0 {}`},
		{"GET", "/v1/books", `M1 {}`},
		{"GET", "/v1/books?a=1&b=2", `M1 {"a":"1","b":"2"}`},
		{"GET", "/v1/books/", `404`},
		{"GET", "/v1//", `404`},
		{"GET", "//", `404`},
		{"GET", "/v1", `404`},
		{"GET", "/v1/nothing", `404`},
		{"GET", "/V1/books", `404`},
		{"GET", "v1/books", `malformed`},
		{"GET", "", `malformed`},
		{"OPTIONS", "*", `malformed`},

		// Single segments decode everything.
		{"GET", "/v1/books/42", `M2 {"a":"42"}`},
		{"GET", "/v1/books/a%2Fb%20c%25", `M2 {"a":"a/b c%"}`},
		{"GET", "/v1/books/a+b", `M2 {"a":"a+b"}`},
		{"GET", "/v1/books/%C3%A9", `M2 {"a":"é"}`},
		{"GET", "/v1/books/é", `M2 {"a":"é"}`},
		{"GET", "/v1/books/%ff", `INVALID_ARGUMENT: a in the path: the text is not UTF-8 when decoded`},
		{"GET", "/v1/books/%f", `malformed`},
		{"GET", "/v1/books/%zz", `malformed`},
		{"GET", "/v1/books/%", `malformed`},
		{"GET", "/v1/books/..", `M2 {"a":".."}`},

		// Literals first, and back where they lead nowhere.
		{"GET", "/v1/books/special", `M3 {}`},
		{"GET", "/v1/%62ooks/speci%61l", `M3 {}`},
		{"DELETE", "/v1/books/special", `M10 {"a":"special"}`},
		{"PATCH", "/v1/books/special", `405 DELETE, GET, HEAD, POST`},
		{"PATCH", "/v1/books/other", `405 DELETE, GET, HEAD`},
		{"GET", "/v1/books/x/y", `M5 {"a":"books","b":"y"}`},
		{"GET", "/v1/books/7/pages/8", `M4 {"a":"books/7","b":"8"}`},
		{"GET", "/v1/films/7/pages/8", `404`},
		{"GET", "/d/x/1/y/z", `M20 {"a":"x/1/y"}`},
		{"GET", "/d/x/1/y/w", `M21 {"a":"1","b":"w"}`},

		// Many segments leave an escaped slash alone.
		{"GET", "/v1/books/a%2Fb/pages/c%2Fd", `M4 {"a":"books/a%2Fb","b":"c/d"}`},
		{"GET", "/v1/files/a/b%2fc/d%20e", `M6 {"a":"a/b%2fc/d e"}`},
		{"GET", "/v1/files", `M6 {}`},
		{"GET", "/v1/files/", `M6 {}`},
		{"GET", "/v1/files/a//b/", `M6 {"a":"a//b/"}`},
		{"GET", "/v1/trees", `M7 {"a":"trees"}`},
		{"GET", "/v1/trees/oak/leaf", `M7 {"a":"trees/oak/leaf"}`},

		// Verbs.
		{"POST", "/v1/books/7:sell", `M8 {"a":"7"}`},
		{"POST", "/v1/books/7%3Asell", `405 DELETE, GET, HEAD`},
		{"GET", "/v1/books/7:sell", `405 POST`},
		{"GET", "/v1/books/7:peek", `M9 {"a":"7"}`},
		{"GET", "/v1/books/7:p%65ek", `M9 {"a":"7"}`},
		{"GET", "/v1/books/a:b:peek", `M9 {"a":"a:b"}`},
		{"GET", "/v1/books/7:unknown", `M2 {"a":"7:unknown"}`},
		{"GET", "/v1/books/7:", `M2 {"a":"7:"}`},
		{"GET", "/v1/books/:peek", `M2 {"a":":peek"}`},
		{"GET", "/v1/books:all", `M19 {}`},
		{"GET", "/v1/files/a/b:list", `M12 {"a":"a/b"}`},
		{"GET", "/v1/files/a/b:lost", `M6 {"a":"a/b:lost"}`},
		{"GET", "/v1/files:list", `M12 {}`},

		// HTTP methods.
		{"HEAD", "/v1/books", `M18 {}`},
		{"HEAD", "/v1/books/7", `M2 {"a":"7"}`},
		{"PUT", "/v1/books", `405 GET, HEAD`},
		{"get", "/v1/books", `405 GET, HEAD`},
		{"*", "/v1/books", `405 GET, HEAD`},
		{"", "/v1/books", `405 GET, HEAD`},
		{"PURGE", "/any/1", `M13 {"a":"1"}`},
		{"*", "/any/1", `M13 {"a":"1"}`},
		{"GET", "/any/1", `M14 {"a":"1"}`},
		{"HEAD", "/any/1", `M14 {"a":"1"}`},

		{"GET", "/e%2fe/caf%c3%a9/1", `M15 {"a":"1"}`},
		{"GET", "/e/e/café/1", `404`},
		{"GET", "/w/1/2/3", `M16 {"a":"2"}`},
		{"GET", "/w/1//3", `404`},
		{"GET", "/k/cats/dogs", `M17 {"a":"cats","b":"dogs"}`},
		{"GET", "/k/cats/cats", `404`},
	} {
		if got := outcome(router, tc.method, tc.path); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.method, tc.path, got, tc.want)
		}
		wantMatch := tc.want != "404" && tc.want != "malformed"
		if got := router.Match(tc.method, tc.path); got != wantMatch {
			t.Errorf("%s %s: Match = %v", tc.method, tc.path, got)
		}
	}
	if router.Match("OPTIONS", "/v1/books") {
		t.Error("Match is true for OPTIONS without a route")
	}
	if !router.Match("OPTIONS", "/any/1") {
		t.Error("Match is false for OPTIONS with a route")
	}
}

func TestConflicts(t *testing.T) {
	for _, tc := range []struct{ first, second, want string }{
		{`get: "/v1/{a}"`, `get: "/v1/{b}"`, "GET /v1/{a} (shop.Routes/M0) and GET /v1/{b} (shop.Routes/M1)"},
		{`get: "/v1/{a}"`, `get: "/v1/*"`, "GET /v1/{a} (shop.Routes/M0) and GET /v1/* (shop.Routes/M1)"},
		{`get: "/v1/{a=x/**}:v"`, `get: "/v1/x/{b=**}:v"`, "GET /v1/{a=x/**}:v (shop.Routes/M0) and GET /v1/x/{b=**}:v (shop.Routes/M1)"},
		{`custom { kind: "*" path: "/" }`, `custom { kind: "*" path: "/" }`, "* / (shop.Routes/M0) and * / (shop.Routes/M1)"},
		{`get: "/%61"`, `get: "/a"`, "GET /a (shop.Routes/M0) and GET /a (shop.Routes/M1)"},
		{`get: "/v1/{a}"`, `get: "/v2" additional_bindings { get: "/v1/{c}" }`, "GET /v1/{a} (shop.Routes/M0) and GET /v1/{c} (shop.Routes/M1)"},

		{`get: "/v1/{a}"`, `post: "/v1/{a}"`, ""},
		{`get: "/v1/{a}"`, `get: "/v1/{a}:v"`, ""},
		{`get: "/v1/{a}"`, `get: "/v1/a"`, ""},
		{`get: "/v1/{a}"`, `get: "/v1/{a=**}"`, ""},
		{`get: "/v1/{a}"`, `custom { kind: "*" path: "/v1/{a}" }`, ""},
		{`get: "/v1/a"`, `get: "/v1/A"`, ""},
	} {
		methods := routed(t, tc.first, tc.second)
		router := newRouter(t, Options{}, methods[0])
		got := ""
		if err := router.Register(methods[1]); err != nil {
			got = err.Error()
		}
		want := tc.want
		if want != "" {
			want = "two rules for the same requests: " + want + "; one of the two google.api.http options must change"
		}
		if got != want {
			t.Errorf("%s and %s:\n got %s\nwant %s", tc.first, tc.second, got, want)
		}
	}
	twice := routed(t, `get: "/v1/{a}"`)[0]
	if err := newRouter(t, Options{}, twice).Register(twice); err == nil {
		t.Error("a method was registered twice")
	}
	if err := New(Options{}).Register(routed(t, `get: "/v1/{"`)[0]); err == nil || !strings.Contains(err.Error(), "character 6") {
		t.Errorf("a rule that cannot work: %v", err)
	}
}

// FuzzVariables: whatever values the variables have, a path made of them by http.proto's rule brings them back.
func FuzzVariables(f *testing.F) {
	f.Add("a", "b/c", "d")
	f.Add("a/b:c%2F", "..//é", "%")
	f.Add("x:sell", ":", "*")
	router := newRouter(f, Options{}, routed(f, `get: "/v/{a}/{b=m/**}"`, `get: "/s/{a}/{b}/{c}:go"`, `get: "/{a=**}"`)...)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		want := router.root.find("GET", "/s/x/x/x:go").route.method.NewRequest().ProtoReflect()
		set := func(name, value string) {
			if value != "" {
				if err := transcode.SetText(want, want.Descriptor().Fields().ByTextName(name), value); err != nil {
					t.Skip() // not UTF-8
				}
			}
		}
		if a == "" || b == "" || c == "" {
			return
		}
		set("a", a)
		path := fmt.Sprintf("/s/%s/%s/%s:go", escape(a, false), escape(b, false), escape(c, false))
		set("b", b)
		set("c", c)
		check(t, router, path, want.Interface())

		// In a variable of many segments an escaped slash stays escaped, so only values without "%2F" come back.
		if strings.Contains(strings.ToLower(b), "%2f") {
			return
		}
		want = want.New()
		set("a", a)
		set("b", "m/"+b)
		check(t, router, fmt.Sprintf("/v/%s/m/%s", escape(a, false), escape(b, true)), want.Interface())
	})
}

func check(t *testing.T, router *Router, path string, want proto.Message) {
	t.Helper()
	found := router.root.find("GET", path)
	if found.route == nil {
		t.Fatalf("%s: no route (%v)", path, found.err)
	}
	got, err := found.route.bind(input{}, found.path, "")
	if err != nil || !proto.Equal(got, want) {
		t.Fatalf("%s: %v, %v; want %v", path, got, err, want)
	}
}

// escape is the client's side of http.proto's rule.
func escape(value string, slashes bool) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		switch {
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', strings.IndexByte("-_.~", c) >= 0, c == '/' && slashes:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// FuzzFind: any path is answered, and what a route was found for matches its template.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"/", "/v1/books/7:sell", "/a/%2F/b", "//", "/%", "/a/b/c/d:e:f", "*", "/v1/**", ":"} {
		f.Add("GET", seed)
	}
	router := shopRouter(f, Options{})
	wide := newRouter(f, Options{}, routed(f, `get: "/*/*/{a}"`, `get: "/a/*/{a}"`, `get: "/a/b/{a=**}:e"`, `get: "/{a=*/b}/c"`)...)
	f.Fuzz(func(t *testing.T, method, target string) {
		for _, r := range []*Router{router, wide} {
			path, query, _ := strings.Cut(target, "?")
			found := r.root.find(method, path)
			if found.err != nil && (found.route != nil || len(found.others) > 0) || found.route != nil && found.path.segments == nil {
				t.Fatalf("%s %s: %+v", method, target, found)
			}
			if found.route == nil {
				continue
			}
			template := found.route.rule.Template
			if n := len(found.path.segments); n != len(template.Segments) && !(template.EndsOpen() && n >= len(template.Segments)-1) {
				t.Fatalf("%s has %d segments, %s %d", path, n, template, len(template.Segments))
			}
			if _, err := found.route.bind(input{}, found.path, query); err != nil && err.Error() == "" {
				t.Fatal("an error without words")
			}
		}
	})
}

// BenchmarkFind shows that the number of routes does not count.
func BenchmarkFind(b *testing.B) {
	for _, routes := range []int{10, 10_000} {
		var rules []string
		for i := range routes {
			rules = append(rules, fmt.Sprintf(`get: "/v1/kind%d/{a}/parts/{b}"`, i))
		}
		router := newRouter(b, Options{}, routed(b, rules...)...)
		b.Run(fmt.Sprint(routes), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if router.root.find("GET", "/v1/kind7/123/parts/456").route == nil {
					b.Fatal("not found")
				}
			}
		})
	}
}

// TestTheNumberOfRoutesDoesNotCount: a lookup takes the same steps and the same memory among 10 and among 10,000.
func TestTheNumberOfRoutesDoesNotCount(t *testing.T) {
	targets := []string{"/v1/kind3/123/parts/456", "/v1/kind3/123/parts/456:check", "/v1/kind3/123/other", "/nowhere"}
	type cost struct {
		visits int
		allocs float64
	}
	var few []cost
	for _, routes := range []int{10, 10_000} {
		var rules []string
		for i := range routes / 2 {
			rules = append(rules, fmt.Sprintf(`get: "/v1/kind%d/{a}/parts/{b}"`, i), fmt.Sprintf(`get: "/v1/kind%d/{a}/parts/{b}:check"`, i))
		}
		router := newRouter(t, Options{}, routed(t, rules...)...)
		var costs []cost
		for _, target := range targets {
			found := router.root.find("GET", target)
			if (found.route != nil) != strings.Contains(target, "parts") {
				t.Fatalf("%s: found %v", target, found.route)
			}
			costs = append(costs, cost{found.visits, testing.AllocsPerRun(100, func() { router.root.find("GET", target) })})
		}
		if few == nil {
			few = costs
		} else if !slices.Equal(costs, few) {
			t.Errorf("among %d routes %v, among 10 %v", routes, costs, few)
		}
	}
}

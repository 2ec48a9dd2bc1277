// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strings"
	"testing"
)

// TestRequestsOfPeers asks for the paths that the tests of grpc-gateway (runtime: patterns, mux) and of vanguard-go (router, path
// escapes) ask for, of the same templates with the fields' names changed. Where they find something else, theirs says what, and why
// says what decides: sentences in quotation marks are http.proto's. grpc-gateway is meant without its options.
func TestRequestsOfPeers(t *testing.T) {
	const (
		zeroOrMore = `"The syntax ** matches zero or more URL path segments"`
		oneSegment = `"The syntax * matches a single URL path segment", which an escaped slash does not end`
		reverse    = `"The server side does the reverse decoding."`
		unchanged  = `"... except %2F and %2f are left unchanged"`
		notAllowed = "RFC 9110 section 15.5.6: 405 where the path has other methods"
	)
	type request struct{ method, target, want, theirs, why string }
	for _, tc := range []struct {
		peer     string
		rules    []string
		requests []request
	}{
		{"vanguard-go", []string{
			0:  `get: "/foo/bar/baz/buzz" additional_bindings { post: "/foo/bar/baz/buzz" }`,
			1:  `get: "/foo/bar/{a}"`,
			2:  `get: "/foo/bar/{a}/baz/{b}"`,
			3:  `get: "/foo/bar/{a}/baz/{b}/buzz/{c}"`,
			4:  `get: "/foo/bar/*/{a}/{b=**}"`,
			5:  `get: "/foo/bar/*/{a}/{b=**}:do"`,
			6:  `get: "/foo/bar/*/{a}/{b=**}:cancel"`,
			7:  `get: "/foo/bob/{a=*/*/*}/details"`,
			8:  `get: "/foo%2Fbar/%2A/%2A%2a/{a=%2A%2a/**}:%2c"`,
			9:  `get: "/trailing/**:slash"`,
			10: `get: "/verb"`,
			11: `get: "/percent_encoding/{a=*/suffix}"`,
		}, []request{
			{"GET", "/bob/lob/law", `404`, "", ""},
			{"GET", "/foo/bar/baz", `M1 {"a":"baz"}`, "", ""},
			{"GET", "/foo/bob/lob/law", `404`, "", ""},
			{"GET", "/foo/bar/baz/buzz", `M0 {}`, "", ""},
			{"POST", "/foo/bar/baz/buzz", `M0 {}`, "", ""},
			{"DELETE", "/foo/bar/baz/buzz", `405 GET, HEAD, POST`, "", ""},
			{"GET", "/foo/bar/baz/baz/buzz", `M2 {"a":"baz","b":"buzz"}`, "", ""},
			{"GET", "/foo/bar/1/baz/2/buzz/3", `M3 {"a":"1","b":"2","c":"3"}`, "", ""},
			{"GET", "/foo/bar/baz/123", `M4 {"a":"123"}`, `404`, zeroOrMore},
			{"GET", "/foo/bar/baz/123/buzz", `M4 {"a":"123","b":"buzz"}`, "", ""},
			{"GET", "/foo/bar/baz/123/buzz/buzz", `M4 {"a":"123","b":"buzz/buzz"}`, "", ""},
			{"GET", "/foo/bar/baz/123/buzz/buzz:do", `M5 {"a":"123","b":"buzz/buzz"}`, "", ""},
			{"GET", "/foo/bar/baz/123/fizz/buzz/frob/nitz:do", `M5 {"a":"123","b":"fizz/buzz/frob/nitz"}`, "", ""},
			{"GET", "/foo/bar/baz/123/buzz/buzz:cancel", `M6 {"a":"123","b":"buzz/buzz"}`, "", ""},
			{"GET", "foo/bar/baz/123/buzz/buzz:blah", `malformed`, "", ""},
			{"GET", "/foo/bob/bar/baz/123/details", `M7 {"a":"bar/baz/123"}`, "", ""},
			{"GET", "/foo/bob/bar/baz/123/details:do", `404`, "", ""},
			{"GET", "/trailing:slash", `M9 {}`, `404`, zeroOrMore},
			{"GET", "/trailing/:slash", `M9 {}`, "", ""},
			{"GET", "/verb:", `404`, "", ""},
			{"GET", "/verb", `M10 {}`, "", ""},
			{"GET", "/foo/bar/baz/%2f/%2A/%2f", `M4 {"a":"/","b":"*/%2f"}`, `M4 {"a":"/","b":"*/%2F"}`, unchanged},
			{"GET", "/percent_encoding/A%2Fb/suffix", `M11 {"a":"A%2Fb/suffix"}`, "", ""},
			{"GET", "/foo/bar/baz/123/a%2Fb", `M4 {"a":"123","b":"a%2Fb"}`, "", ""},
			{"GET", "/foo%2fbar/*/%2a*/%2A%2A/x:,", `M8 {"a":"**/x"}`, "", ""},
			// Values, escaped as a client does.
			{"GET", "/foo/bar/foo%2Fbar", `M1 {"a":"foo/bar"}`, "", ""},
			{"GET", "/foo/bar/foo%252Fbar", `M1 {"a":"foo%2Fbar"}`, "", ""},
		}},
		{"grpc-gateway", []string{0: `get: "/*"`, 1: `get: "/v1/bucket/{a}"`, 2: `get: "/v1/{a=o/**}"`, 3: `get: "/v2/{a=b/*}/o/{b}"`, 4: `get: "/v1:LOCK"`, 5: `get: "/v1/bucket/{a}:LOCK"`}, []request{
			{"GET", "/abc", `M0 {}`, "", ""},
			{"GET", "/", `404`, "", ""},
			{"GET", "/abc/def", `404`, "", ""},
			{"GET", "/v1/bucket/my-bucket", `M1 {"a":"my-bucket"}`, "", ""},
			{"GET", "/v1/bucket", `404`, "", ""},
			{"GET", "/v2/bucket/my-bucket", `404`, "", ""},
			{"GET", "/v1/pubsub/my-topic", `404`, "", ""},
			{"GET", "/v1/bucket/my-bucket:LOCK", `M5 {"a":"my-bucket"}`, "", ""},
			{"GET", "/v1/o", `M2 {"a":"o"}`, "", ""},
			{"GET", "/v1/o/my-bucket", `M2 {"a":"o/my-bucket"}`, "", ""},
			{"GET", "/v1/o/my-bucket/dir/dir2/obj", `M2 {"a":"o/my-bucket/dir/dir2/obj"}`, "", ""},
			{"GET", "/v2/b/my-bucket/o/obj", `M3 {"a":"b/my-bucket","b":"obj"}`, "", ""},
			{"GET", "/v2/b/my-bucket/o", `404`, "", ""},
			{"GET", "/v1:LOCK", `M4 {}`, "", ""},
			{"GET", "/LOCK", `M0 {}`, "", ""},
		}},
		{"grpc-gateway", []string{0: `get: "/**"`}, []request{
			{"GET", "/", `M0 {}`, "", ""},
			{"GET", "/abc", `M0 {}`, "", ""},
			{"GET", "/abc/def/ghi", `M0 {}`, "", ""},
		}},
		{"grpc-gateway", []string{0: `get: "/v3/files/{a=**}"`, 1: `get: "/v3/files/{a=**}:get"`}, []request{ // refused with WithStrictDeepWildcard only
			{"GET", "/v3", `404`, "", ""},
			{"GET", "/v3/files", `M0 {}`, "", ""},
			{"GET", "/v3/files/", `M0 {}`, "", ""},
			{"GET", "/v3/files/dir/a.txt", `M0 {"a":"dir/a.txt"}`, "", ""},
			{"GET", "/v3/files:get", `M1 {}`, "", ""},
			{"GET", "/v3/files/:get", `M1 {}`, "", ""},
			{"GET", "/v3/files/a.txt:get", `M1 {"a":"a.txt"}`, "", ""},
		}},
		{"grpc-gateway", nil, []request{{"GET", "/", `404`, "", ""}}},
		{"grpc-gateway", []string{0: `get: "/foo"`, 1: `post: "/foo" body: "*"`, 2: `post: "/foo:bar" body: "*"`}, []request{
			{"GET", "/foo", `M0 {}`, "", ""},
			{"POST", "/foo", `M1 {}`, "", ""},
			{"GET", "/bar", `404`, "", ""},
			{"DELETE", "/foo", `405 GET, HEAD, POST`, `501`, notAllowed},
			{"POST", "/foo:bar", `M2 {}`, "", ""},
			{"POST", "foo", `malformed`, "", ""}, // theirs is 400, too
		}},
		{"grpc-gateway", []string{0: `get: "/foo/{a}"`, 1: `get: "/foo/{a}:verb"`, 2: `post: "/foo/{a}:archive" body: "*"`}, []request{
			{"GET", "/foo/bar", `M0 {"a":"bar"}`, "", ""},
			{"GET", "/foo/bar:123", `M0 {"a":"bar:123"}`, "", ""},
			{"GET", "/foo/bar:verb", `M1 {"a":"bar"}`, "", ""},
			{"GET", "/foo/:verb", `M0 {"a":":verb"}`, "", ""},
			{"DELETE", "/foo/bar:archive", `405 POST`, `501`, notAllowed},
			{"GET", "/foo/%25", `M0 {"a":"%"}`, "", ""},
			{"GET", "/foo/%2e%2e%2Fadmin", `M0 {"a":"../admin"}`, `404`, reverse},
			{"GET", "/foo/bar:verb:subverb", `M0 {"a":"bar:verb:subverb"}`, "", ""},
		}},
		{"grpc-gateway", []string{0: `get: "/foo/{a}/bar"`, 1: `post: "/api/v1/{a=organizations/*}:action" body: "*"`, 2: `get: "/v1/{a=shelves/*/books}"`}, []request{
			{"GET", "/foo/success%2fwith%2Fspace/bar", `M0 {"a":"success/with/space"}`, `404`, reverse}, // theirs too with UnescapingModeAllExceptReserved
			{"GET", "/foo/part1%2Fpart2/bar", `M0 {"a":"part1/part2"}`, `404`, reverse},
			{"POST", "/api/v1/organizations%2Ffoo:action", `404`, `M1 {"a":"organizations/foo"}`, oneSegment},
			{"GET", "/v1/shelves%2Fs1%2Fbooks", `404`, `M2 {"a":"shelves/s1/books"}`, oneSegment},
		}},
		{"grpc-gateway", []string{0: `post: "/api/v1/organizations:verb" body: "*"`, 1: `post: "/api/v1/organizations" body: "*"`, 2: `post: "/api/v1/dummies:verb" body: "*"`}, []request{
			{"POST", "/api/v1/organizations:verb", `M0 {}`, "", ""},
			{"POST", "/api/v1/organizations", `M1 {}`, "", ""},
			{"POST", "/api/v1/dummies:verb", `M2 {}`, "", ""},
		}},
	} {
		router := newRouter(t, Options{}, routed(t, tc.rules...)...)
		for _, r := range tc.requests {
			if got := outcome(router, r.method, r.target); got != r.want {
				t.Errorf("%s, %s:\n%s %s: %s, want %s", tc.peer, strings.Join(tc.rules, ", "), r.method, r.target, got, r.want)
			}
			if (r.theirs != "") != (r.why != "") || r.theirs == r.want {
				t.Errorf("%s %s: a difference has what they find, and why", r.method, r.target)
			}
		}
	}
}

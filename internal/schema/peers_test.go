// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"testing"
)

// TestTemplatesOfPeers reads the templates that the tests of grpc-gateway (internal/httprule) and of vanguard-go (path parser) have.
// Where the two, or one of them, decide otherwise than we do, the row says why; the sentences are http.proto's.
func TestTemplatesOfPeers(t *testing.T) {
	const (
		noInner  = `"A variable template must not contain other variables."`
		lastPart = `"**" "must be the last part of the URL path except the Verb"`
		literal  = `"any reserved character ... should be percent-encoded": a colon in a literal is %3A`
		oneVerb  = `Verb = ":" LITERAL: one, and a colon in it is %3A`
	)
	for _, tc := range []struct {
		template string
		accepted bool
		gateway  byte // whether grpc-gateway accepts it: y, n, or - where its tests do not have it
		vanguard byte // the same of vanguard-go
		why      string
	}{
		{"/", true, 'y', '-', ""},
		{"/v1", true, 'y', '-', ""},
		{"/v1/b", true, 'y', '-', ""},
		{"/v1/endpoint/*", true, 'y', '-', ""},
		{"/v1/endpoint/**", true, 'y', '-', ""},
		{"/v1/*/**", true, 'y', '-', ""},
		{"/v1/b/{bucket_name=*}", true, 'y', '-', ""},
		{"/v1/b/{bucket_name=buckets/*}", true, 'y', '-', ""},
		{"/v1/b/{bucket_name=buckets/*}/o", true, 'y', '-', ""},
		{"/v1/b/{bucket_name=buckets/*}/o/{name}", true, 'y', '-', ""},
		{"/{name}", true, 'y', '-', ""},
		{"/{name=*}", true, 'y', '-', ""},
		{"/{name=**}", true, 'y', '-', ""},
		{"/{field.nested.nested2=*}", true, 'y', '-', ""},
		{"/{name=a/b/*}", true, 'y', '-', ""},
		{"/v1/{name.nested.nested2=a/b/*}/o/{another_name=a/b/*/c}/**", true, 'y', '-', ""},
		{"/%e7%ac%ac%e4%b8%80%e7%89%88", true, 'y', '-', ""},
		{"/v1/{name}:cancel", true, 'y', '-', ""},
		{"/v1/{name}:batchGet", true, 'y', '-', ""},
		{"/v1/a/{endpoint}:a", true, 'y', '-', ""},
		{"/{_}", true, '-', 'y', ""},
		{"/{hello}/world", true, '-', 'y', ""},
		{"/v1/{name=shelves/*/books/*}", true, '-', 'y', ""},
		{"/v1/{parent=shelves/*}/books", true, '-', 'y', ""},
		{"/v1/{book.name=shelves/*/books/*}", true, '-', 'y', ""},
		{"/v1:watch", true, '-', 'y', ""},
		{"/v3/events:clear", true, '-', 'y', ""},
		{"/v3/{name=events/*}:cancel", true, '-', 'y', ""},
		{"/foo/bar/{name}/baz/{child}", true, '-', 'y', ""},
		{"/foo/bar/{name}/baz/{child.id}/buzz/{child.thing.id}", true, '-', 'y', ""},
		{"/foo/bar/*/{thing.id}/{cat=**}", true, '-', 'y', ""},
		{"/foo/bar/*/{thing.id}/{cat=**}:do", true, '-', 'y', ""},
		{"/foo%2Fbar/%2A/%2A%2a/{starstar=%2A%2a/**}:%2c", true, '-', 'y', ""},
		{"/my%2fcool-blog~about%2Cstuff%5Bwat%5D:baz", true, '-', 'y', ""},

		{"", false, 'n', '-', ""},
		{"v1", false, 'n', '-', ""},
		{"v1/{name}", false, 'n', 'n', ""},
		{"foo/bar/baz", false, '-', 'n', ""},
		{"//", false, 'n', '-', ""},
		{"/v1/", false, 'n', 'n', ""},
		{"/v1/:verb", false, 'n', '-', ""},
		{"/v1/{name", false, 'n', '-', ""},
		{"/{name=", false, 'n', '-', ""},
		{"/{name=*", false, 'n', '-', ""},
		{"/{name.}", false, 'n', '-', ""},
		{"/{name..nested}", false, 'n', '-', ""},
		{"/{field-name}", false, 'n', 'n', ""},
		{"/{-}", false, '-', 'n', ""},
		{"/{1}", false, '-', 'n', ""},
		{"/{field.1}", false, '-', 'n', ""},
		{"/v1{name}", false, 'n', '-', ""},
		{"/%", false, 'n', '-', ""},
		{"/%2", false, 'n', '-', ""},
		{"/a%2z", false, 'n', '-', ""},
		{"/foo/bar%55:baz%1", false, '-', 'n', ""},
		{"/a?b", false, 'n', '-', ""},
		{"/foo/bar/baz?abc=def", false, '-', 'n', ""},
		{"/foo/bar/baz buzz", false, '-', 'n', ""},
		{"/foo/bar:baz/buzz", false, '-', 'n', ""},
		{"/foo/{bar/baz}/buzz", false, '-', 'n', ""},
		{"/foo/bar*", false, '-', 'n', ""},
		{"/foo/bar/***", false, '-', 'n', ""},
		{"/foo/**/bar", false, '-', 'n', ""},
		{"/{a}/{a}", false, '-', 'n', ""},
		{"/v1/{name}:x\")); panic(\"pwned\")", false, 'n', '-', ""},
		{"/v1/{name}:pwn\\\"", false, 'n', '-', ""},

		{"/v1/{name}:b:c", false, 'y', '-', oneVerb},
		{"/v1/{name}:bla:baa", false, 'y', '-', oneVerb},
		{"/v1/a/{endpoint}:b:c", false, 'y', '-', oneVerb},
		{"/v1/{name}/{parent.name=projects/*/topics/**}:verb:with:colons", false, 'y', '-', oneVerb},
		{"/v1/{name}:", false, 'y', '-', `Verb = ":" LITERAL, and an empty literal is none`},
		{"/:verb", false, 'y', '-', `Template = "/" Segments [ Verb ]: at least one segment`},
		{"/v1/{name=segment/wi:th}", false, 'y', '-', literal},
		{"/v1/a=b&c=d;e=f:g/endpoint.rdf", false, 'y', '-', literal},
		{"/v1/a:b:verb", false, 'y', '-', literal},
		{"/-._~!$&'()*+,;=:@", false, 'y', '-', `"*" is a segment, and a colon begins the verb: in a literal they are %2A and %3A`},
		{"/-._~!$&'()%2A+,;=%3A@", true, '-', '-', ""},
		{"/**/tail", false, 'y', 'n', lastPart},
		{"/v1/{name=objects/**/.ext}/tail", false, 'y', 'n', lastPart},
		{"/foo/bob/{book_id={author}/{isbn}/*}/details", false, '-', 'y', noInner},
		{"/percent_encoding/{outer={inner}/suffix}", false, '-', 'y', noInner},
		{"/{var={abc=%2F%2A}/{def=%2F%2A/**}}:baz", false, '-', 'y', noInner},
		{"/foo/bar:baz%12xyz%abcde", false, '-', 'y', "a decoded escape that is not UTF-8 cannot be in a field"},
	} {
		_, err := ParseTemplate(tc.template)
		if accepted := err == nil; accepted != tc.accepted {
			t.Errorf("%s: accepted %v (%v)", tc.template, accepted, err)
		}
		ours := byte('n')
		if tc.accepted {
			ours = 'y'
		}
		differs := tc.gateway != '-' && tc.gateway != ours || tc.vanguard != '-' && tc.vanguard != ours
		if differs != (tc.why != "") {
			t.Errorf("%s: the row does not say why it differs, or differs from none", tc.template)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package transcoding_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// request is one to be read by both.
type request struct{ method, target, body string }

func (r request) String() string { return strings.TrimSpace(r.method + " " + r.target + " " + r.body) }

// The material that requests are made of.
var (
	verbs    = []string{"GET", "GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "REPORT", "HEAD", "LINK"}
	segments = []string{
		"a", "b7", "0", "-1", "12", "true", "false", "literal", "simple", "shelves", "books", "nested", "end", "x.y", "~", "-", "_",
		"%41", "%2F", "a%2Fb", "%2f", "%20", "a%3Ab", "%3A", "%25", "%C3%A9", "%E2%82%AC", "%00", "%7B", "a+b", "a%2Bb", "a,b", "a;b", "a=b", "a@b", "$", "!", "'", "(x)", "*", "**",
		"", ".", "..", "a:b", "a:check", ":check", "a:stat", "a:b:check", "%", "%g1", "2147483648", "1e2", "+1", " ",
	}
	templates = []string{ // the methods are those that most requests have
		"GET,DELETE,PUT,REPORT /v1/simple/S", "GET,DELETE,PUT,REPORT /v1/simple/S", "GET,POST /v1/simple", "POST /v1/simple/S:check", "GET /v1/simple/literal",
		"PUT,PATCH /v1/simple/S/nested", "PUT,PATCH /v1/simple/S/nested", "GET /v1/numbers/S/S", "GET /v1/inner/S/S",
		"GET /v1/shelves/S/books/S", "GET /v1/files/S", "GET /v1/files/S/S/S", "GET /v1/files/S/S:stat", "GET /v1/files", "GET /v1/files/",
		"GET /v1/parts/S", "GET /v1/tags/S", "GET /v1/several/S", "POST /v1/several", "GET /v1/several/S/a/S/b/end",
		"GET /v1/S/S", "GET /S", "GET /v1/simple/S/", "GET //v1/simple/S", "GET /v1//simple/S",
	}
	// good may stand beside any other parameter. grpc-gateway reads parameters in the order of a Go map, so that of two that
	// it refuses it names now the one and now the other.
	good       = []string{"given=g", "nested.words=w1", "labels[z]=y", "codes=7", "ratio=0.5", "&", ""}
	parameters = []string{
		"id=q", "number=7", "number=x", "number=1.0", "number=1e2", "number=+7", "number=07", "number=0x7", "number=", "number", "number=2147483648", "number=-2147483648",
		"big=9223372036854775807", "big=-9223372036854775809", "big=%201", "unsigned=4294967295", "unsigned=-1", "unsigned=1",
		"flag=true", "flag=false", "flag=1", "flag=0", "flag=TRUE", "flag=t", "flag=yes", "flag=",
		"ratio=1.5", "ratio=NaN", "ratio=Infinity", "ratio=-Infinity", "ratio=inf", "ratio=1e400", "ratio=0x1p4", "ratio=1_0",
		"data=YQ==", "data=YQ", "data=-_8=", "data=%2B/8=", "data=*",
		"colour=RED", "colour=1", "colour=red", "colour=7", "colour=", "colour=BLUE",
		"tags=a", "tags=b", "tags=a,b", "tags=", "codes=1", "codes=2", "codes=1,2", "colours=RED", "colours=2", "colours=GREEN",
		"nested.text=t", "nested.number=3", "nested.child.text=c", "nested.child.number=4", "nested.words=w1", "nested.words=w2", "nested=1", "nested.unknown=1", "nested.child.child.child.text=d",
		"list=1", "list.text=x", "labels[a]=b", "labels[b]=c", "labels=1", "switches[1]=true", "switches[x]=true", "switches[2]=1", "labels[]=e",
		"time=2026-01-02T03:04:05Z", "time=2026-01-02T03:04:05.5%2B02:00", "time=yesterday", "time=1", "wait=1.5s", "wait=-3s", "wait=1", "wait=1h", "mask=id,nested.text", "mask=", "mask=a..b",
		"maybe=5", "maybe=x", "maybe=null", "time=null", "left=l", "right=5", "given=", "given=g", "unknown=1", "UNKNOWN", "id=%FF", "id=%zz", "id=a%20b", "id=a+b", "id=%2B", "&", "=", "=x", "id=;x",
		"given=a=b", "id=q&id=r", "nested.text=t&nested.text=t", "left=l&right=5", "tags=a&tags=b", "labels=a&labels=b", "Number=1", "nested.Text=1", "method=m",
	}
	bodies = []string{
		``, ``, `{}`, `{"id":"body"}`, `{"number":5,"big":"6","flag":true}`, `{"number":"5","big":6}`, `{"number":1.0}`, `{"number":1.5}`, `{"number":"x"}`, `{"number":null}`,
		`{"text":"t"}`, `{"text":"t","number":5,"child":{"text":"c"},"words":["a"]}`, `{"child":{"child":{"text":"x"}}}`, `{"child":{}}`, `{"child":null}`, `{"words":[]}`, `{"words":null}`, `{"words":["a",null]}`,
		`{"unknown":1}`, `{"text":"a","text":"b"}`, `{`, `[]`, `null`, `1`, `"x"`, `{} {}`, `{}x`, ` {} `, `{"labels":{"a":"b"}}`, `{"switches":{"1":true}}`, `{"switches":{"x":true}}`,
		`{"time":"2026-01-02T03:04:05Z"}`, `{"mask":"id,nestedText"}`, `{"left":"a","right":1}`, `{"colour":"RED"}`, `{"colour":1}`, `{"colour":"BLUE"}`, `{"data":"YQ=="}`, `{"data":"YQ"}`,
		`{"text":"é\u00e9\ud83d\ude00"}`, "{\"text\":\"\xff\"}", `{"text":"\ud800"}`, `{"nested":{"text":"n"}}`, `{"maybe":5}`, `{"ratio":"NaN"}`, `{"big":9007199254740993}`, `{"number":1e2}`, `{"id":"body",}`,
	}
)

// generate returns n requests, the same ones every time.
func generate(n int) []request {
	random := rand.New(rand.NewPCG(7, 11))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	requests := make([]request, 0, n)
	for range n {
		methods, template, _ := strings.Cut(pick(templates), " ")
		r := request{method: pick(strings.Split(methods, ","))}
		if random.IntN(4) == 0 {
			r.method = pick(verbs)
		}
		for _, part := range strings.SplitAfter(template, "S") {
			if template, variable := strings.CutSuffix(part, "S"); variable {
				r.target += template + pick(segments)
			} else {
				r.target += part
			}
		}
		switch random.IntN(6) {
		case 0, 1, 2:
			r.target += "?" + pick(parameters)
		case 3:
			r.target += "?" + pick(good) + "&" + pick(parameters)
		case 4:
			r.target += "?" + pick(good) + "&" + pick(good)
		}
		switch r.method {
		case "POST", "PUT", "PATCH":
			r.body = pick(bodies)
			if random.IntN(3) > 0 && strings.Contains(r.target, "?") { // the query is refused where the body is the whole
				r.target, _, _ = strings.Cut(r.target, "?")
			}
		case "DELETE", "GET":
			if random.IntN(40) == 0 {
				r.body = pick(bodies)
			}
		}
		requests = append(requests, r)
	}
	return requests
}

// head is the request as HTTP/1.1 has it.
func (r request) bytes() string {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: echo\r\n", r.method, strings.ReplaceAll(r.target, " ", "%20"))
	if r.body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	return text + "\r\n" + r.body
}

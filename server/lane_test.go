// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/rest"
	"github.com/farcall/farcall/server"
)

// talk is a client's end of a connection over HTTP/1.1, written by hand.
type talk struct {
	testing.TB
	net.Conn
	reader *bufio.Reader
}

func talkTo(t testing.TB, address string) *talk {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &talk{t, nc, bufio.NewReader(nc)}
}

func (c *talk) say(text string) {
	c.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.Fatal(err)
	}
}

// answer reads the next answer, to a request of the method.
func (c *talk) answer(method string) (*http.Response, string) {
	c.Helper()
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	return response, string(text)
}

// wants reads the next answer, which must be this one.
func (c *talk) wants(status int, body string) {
	c.Helper()
	if response, text := c.answer("POST"); response.StatusCode != status || text != body {
		c.Errorf("got %d %s, want %d %s", response.StatusCode, text, status, body)
	}
}

// wantsEnd waits until the server has closed the connection.
func (c *talk) wantsEnd() {
	c.Helper()
	if rest, err := io.ReadAll(c.reader); isTimeout(err) || len(rest) > 0 {
		c.Errorf("the connection goes on: %q, %v", rest, err)
	}
}

// saying is a request for say.
func saying(body string, fields ...string) string {
	extra := ""
	for _, field := range fields {
		extra += field + "\r\n"
	}
	return fmt.Sprintf("POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", len(body), extra, body)
}

// serveSay serves say by REST.
func serveSay(t *testing.T, options server.Options, handle handleSay) (*server.Server, string) {
	t.Helper()
	srv := register(posted(t, say, "/v1/say"), farcall.HandleUnary(handle), options)
	return srv, run(t, srv)
}

// until waits for something that has no signal.
func until(t testing.TB, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// TestHTTP1ThroughNetHTTP has the tests of HTTP/1.1 once more, with net/http reading everything.
func TestHTTP1ThroughNetHTTP(t *testing.T) {
	throughNetHTTP = true
	defer func() { throughNetHTTP = false }()
	for name, test := range map[string]func(*testing.T){
		"TestHTTP1OnTheSamePort": TestHTTP1OnTheSamePort, "TestMethodsPathWithAnotherContentType": TestMethodsPathWithAnotherContentType,
		"TestUsersHandler": TestUsersHandler, "TestShutdownWaitsForHTTP1": TestShutdownWaitsForHTTP1, "TestGarbageIsTurnedAway": TestGarbageIsTurnedAway,
		"TestHTTP1WithoutALPN": TestHTTP1WithoutALPN, "TestSmugglingOverHTTP1": TestSmugglingOverHTTP1, "TestInjectedHeaders": TestInjectedHeaders,
		"TestBrokenChunksOverHTTP1": TestBrokenChunksOverHTTP1, "TestOriginsByDefault": TestOriginsByDefault, "TestPagesOfOtherOrigins": TestPagesOfOtherOrigins,
		"TestPeersCertificates": TestPeersCertificates, "TestOverdueIsAnsweredWhateverTheHandlerDoes": TestOverdueIsAnsweredWhateverTheHandlerDoes,
		"TestStreamsOverREST": TestStreamsOverREST, "TestStreamsOverRESTThatFailAtOnce": TestStreamsOverRESTThatFailAtOnce,
		"TestLeavingAStreamOverRESTEndsTheHandlersContext": TestLeavingAStreamOverRESTEndsTheHandlersContext,
		"TestConversationOverREST":                         TestConversationOverREST, "TestStreamOfRequestsOverREST": TestStreamOfRequestsOverREST,
		"TestBadRequestsOfTheWeb": TestBadRequestsOfTheWeb, "TestConnectCompression": TestConnectCompression, "TestConnectMetadata": TestConnectMetadata,
		"TestDeadlineOfTheWeb": TestDeadlineOfTheWeb, "TestEntityTagOfAGet": TestEntityTagOfAGet,
	} {
		t.Run(name, test)
	}
}

// TestLaneAnswersAsNetHTTP asks both for the same: whatever reads the request, the answer is the same to the letter, but for
// the order of its fields, and so is what becomes of the connection.
func TestLaneAnswersAsNetHTTP(t *testing.T) {
	handle := func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		header := farcall.IncomingCall(ctx).ResponseHeader()
		switch in.Value {
		case "nothing":
			header.Set(rest.StatusKey, "204")
		case "created":
			header.Set(rest.StatusKey, "201")
			header.Set("location", "/v1/say/7")
			header.Set("anything", "else")
		case "large":
			return wrapperspb.String(strings.Repeat("x", 300_000)), nil
		case "denied":
			return nil, farcall.Errorf(farcall.PermissionDenied, "not you")
		case "panic":
			panic("in a handler")
		case "goexit":
			runtime.Goexit()
		}
		return in, nil
	}
	talks := map[bool]string{}
	for _, through := range []bool{false, true} {
		_, talks[through] = serveSay(t, server.Options{NetHTTP1: through, MaxReceiveBytes: 1 << 20, HTTPHandler: http.NotFoundHandler(), CORS: server.CORS{Origins: []string{"*"}}}, handle)
	}
	connect := "Content-Type: application/json\r\nConnect-Protocol-Version: 1\r\n"
	for name, text := range map[string]string{
		"a call":                   saying(`"a"`),
		"no content":               saying(`"nothing"`),
		"a status and fields":      saying(`"created"`),
		"a large answer":           saying(`"large"`),
		"a large request":          saying(`"` + strings.Repeat("y", 500_000) + `"`),
		"a failure":                saying(`"denied"`),
		"a panic":                  saying(`"panic"`),
		"a goroutine that ends":    saying(`"goexit"`),
		"broken JSON":              saying(`"a`),
		"another method":           "GET /v1/say HTTP/1.1\r\nHost: a\r\n\r\n",
		"no body":                  "POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n",
		"another type":             "POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\nabc",
		"an encoding":              saying(`"a"`, "Content-Encoding: br"),
		"an answer in gzip":        saying(`"large"`, "Accept-Encoding: gzip"),
		"a page of another origin": saying(`"a"`, "Origin: https://a.example"),
		"a deadline":               saying(`"a"`, "Grpc-Timeout: 10S"),
		"a body above the limit":   saying(strings.Repeat("z", 2<<20)),
		"nothing there":            "POST /v2/say HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"Connect":                  "POST " + say.Path + " HTTP/1.1\r\nHost: a\r\n" + connect + "Content-Length: 3\r\n\r\n\"a\"",
		"Connect that fails":       "POST " + say.Path + " HTTP/1.1\r\nHost: a\r\n" + connect + "Content-Length: 8\r\n\r\n\"denied\"",
		"Connect by GET":           "GET " + say.Path + "?encoding=json&message=%22a%22 HTTP/1.1\r\nHost: a\r\n\r\n",
		"Connect's stream":         "POST " + say.Path + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/connect+json\r\nContent-Length: 0\r\n\r\n",
		"gRPC-Web":                 "POST " + say.Path + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 8\r\n\r\n\x00\x00\x00\x00\x03\x0a\x01a",
		"gRPC":                     "POST " + say.Path + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n",
		"chunks":                   "POST /v1/say HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\"a\"\r\n0\r\n\r\n",
		"the last request":         saying(`"a"`, "Connection: close"),
		"a question first":         saying(`"a"`, "Expect: 100-continue"),
		"no host":                  "POST /v1/say HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
	} {
		seen := map[bool]string{}
		for through, address := range talks {
			c := talkTo(t, address)
			go func() { _, _ = io.WriteString(c, text) }() // the server may close before it has read all; ends then
			response, body := c.answer("POST")
			if response.StatusCode == 100 {
				response, body = c.answer("POST")
			}
			fields := maps.Clone(response.Header)
			if fields.Get("Date") == "" && name != "no host" { // a request that is none has none
				t.Errorf("%s: no date, net/http %v", name, through)
			}
			delete(fields, "Date")
			again := "closed"
			if !response.Close {
				c.say(saying(`"again"`))
				_, again = c.answer("POST")
			}
			seen[through] = fmt.Sprintf("%s %v %d %v %s, then %s", response.Status, fields, response.ContentLength, response.Close, body, again)
		}
		if seen[false] != seen[true] {
			t.Errorf("%s:\n%.500s, net/http has\n%.500s", name, seen[false], seen[true])
		}
	}
}

// TestLaneReadsInOrder has requests that come together, and in pieces.
func TestLaneReadsInOrder(t *testing.T) {
	srv, address := serveSay(t, server.Options{}, repeat)
	c := talkTo(t, address)
	c.say(saying(`"a"`) + saying(`"b"`) + saying(`"c"`))
	for _, want := range []string{`"a"`, `"b"`, `"c"`} {
		c.wants(200, want)
	}
	pieces := saying(`"d"`) + saying(`"e"`)
	for i := range pieces {
		c.say(pieces[i : i+1])
	}
	c.wants(200, `"d"`)
	c.wants(200, `"e"`)
	var many strings.Builder // more than there is room for at once
	for i := range 100 {
		many.WriteString(saying(fmt.Sprintf(`"%d"`, i), "X: "+strings.Repeat("x", 300)))
	}
	go func() { _, _ = io.WriteString(c, many.String()) }() // ends when all is read
	for i := range 100 {
		c.wants(200, fmt.Sprintf(`"%d"`, i))
	}
	if srv.Lanes() != 1 {
		t.Errorf("%d connections are read here, want this one", srv.Lanes())
	}
}

// TestLaneHandsOver: a connection becomes net/http's with the first request that is anything else, whatever came with it.
func TestLaneHandsOver(t *testing.T) {
	for name, other := range map[string]string{
		"a page":           "GET /page HTTP/1.1\r\nHost: a\r\n\r\n",
		"an old version":   "GET /page HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"line feeds alone": "GET /page HTTP/1.1\nHost: a\n\n",
		"a large head":     "GET /page HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n",
	} {
		for _, together := range []bool{true, false} {
			srv, address := serveSay(t, server.Options{HTTPHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })}, repeat)
			c := talkTo(t, address)
			if together {
				c.say(saying(`"a"`) + other + saying(`"b"`) + saying(`"c"`))
				c.wants(200, `"a"`)
			} else {
				c.say(saying(`"a"`))
				c.wants(200, `"a"`)
				if srv.Lanes() != 1 {
					t.Errorf("%s: %d connections are read here before it", name, srv.Lanes())
				}
				c.say(other[:len(other)/2])
				c.say(other[len(other)/2:])
			}
			c.wants(200, "page")
			if !together {
				c.say(saying(`"b"`) + saying(`"c"`))
			}
			c.wants(200, `"b"`)
			c.wants(200, `"c"`)
			until(t, func() bool { return srv.Lanes() == 0 })
		}
	}
}

// TestLaneDoesNotWaitForever: the first request, and the rest of any head, have their time.
func TestLaneDoesNotWaitForever(t *testing.T) {
	_, address := serveSay(t, server.Options{HandshakeTimeout: 30 * time.Millisecond}, repeat)
	for _, before := range []string{"", saying(`"a"`)} {
		c := talkTo(t, address)
		c.say(before)
		if before != "" {
			c.wants(200, `"a"`)
		}
		c.say("POST /v1/say HTTP/1.1\r\nHo")
		c.wantsEnd()
	}
	own, roots := certificate(t, "test")
	_, secure := serveSay(t, server.Options{HandshakeTimeout: 300 * time.Millisecond, TLS: &tls.Config{Certificates: []tls.Certificate{own}}}, repeat)
	silent, err := tls.Dial("tcp", secure, &tls.Config{RootCAs: roots, ServerName: "test", NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_ = silent.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(silent); isTimeout(err) {
		t.Errorf("a silent connection stays: %v", err)
	}
}

// TestLaneRests: a connection that waits has no buffer, and none of its next request is lost.
func TestLaneRests(t *testing.T) {
	srv := register(posted(t, say, "/v1/say"), farcall.HandleUnary(repeat), server.Options{})
	srv.KeepRoomFor(time.Millisecond)
	c := talkTo(t, run(t, srv))
	for _, text := range []string{`"a"`, `"b"`} {
		c.say(saying(text))
		c.wants(200, text)
		until(t, func() bool { return srv.RestingLanes() == 1 })
	}
	c.say(saying(`"c"`))
	c.wants(200, `"c"`)
}

// TestLaneBodies have what a body can do wrong.
func TestLaneBodies(t *testing.T) {
	_, address := serveSay(t, server.Options{StallTimeout: 50 * time.Millisecond}, repeat)
	stalls := talkTo(t, address)
	stalls.say(saying(`"abc"`)[:len(saying(`"abc"`))-2])
	if response, text := stalls.answer("POST"); response.StatusCode != 408 || !response.Close {
		t.Errorf("a body that stalls: %s %s", response.Status, text)
	}
	stalls.wantsEnd()
	_, address = serveSay(t, server.Options{REST: server.REST{BodyTimeout: 50 * time.Millisecond}}, repeat)
	slow := talkTo(t, address)
	slow.say(saying(`"abc"`)[:len(saying(`"abc"`))-2])
	if response, text := slow.answer("POST"); response.StatusCode != 408 || !strings.Contains(text, "did not arrive") {
		t.Errorf("a body that is late: %s %s", response.Status, text)
	}
	ends := talkTo(t, address)
	ends.say(saying(`"abc"`)[:len(saying(`"abc"`))-2])
	_ = ends.Conn.(*net.TCPConn).CloseWrite()
	if response, text := ends.answer("POST"); response.StatusCode < 400 || !response.Close {
		t.Errorf("a body that breaks off: %s %s", response.Status, text)
	}
	ends.wantsEnd()
	unwanted := talkTo(t, address) // of a type that is refused: read, and the connection goes on
	go func() {
		_, _ = io.WriteString(unwanted, strings.Replace(saying(strings.Repeat("x", 100_000))+saying(`"a"`), "application/json", "image/png", 1))
	}()
	if response, _ := unwanted.answer("POST"); response.StatusCode != 415 || response.Close {
		t.Errorf("a body that nobody wants: %s", response.Status)
	}
	unwanted.wants(200, `"a"`)
}

// TestLaneNoticesThatTheClientHasGone ends a handler's context, also when the client only has said that it sends no more.
func TestLaneNoticesThatTheClientHasGone(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn) error{"closed": (*net.TCPConn).Close, "half closed": (*net.TCPConn).CloseWrite,
		"reset": func(nc *net.TCPConn) error { return errors.Join(nc.SetLinger(0), nc.Close()) }} {
		entered, ended := make(chan struct{}), make(chan error, 1)
		_, address := serveSay(t, server.Options{}, func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
			close(entered)
			<-ctx.Done()
			ended <- ctx.Err()
			return in, ctx.Err()
		})
		c := talkTo(t, address)
		c.say(saying(`"a"`))
		<-entered
		if err := leave(c.Conn.(*net.TCPConn)); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("%s: the handler's context: %v", name, err)
		}
	}
}

// TestLaneKeepsWhatTheWatchReads: what a client sends during a call is its next request.
func TestLaneKeepsWhatTheWatchReads(t *testing.T) {
	proceed := make(chan struct{})
	var early atomic.Bool
	srv, address := serveSay(t, server.Options{}, func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		<-proceed
		early.Store(early.Load() || ctx.Err() != nil)
		return in, nil
	})
	c := talkTo(t, address)
	for range 3 {
		c.say(saying(`"a"`))
		until(t, func() bool { return srv.WatchedLanes() == 1 })
		c.say(saying(`"b"`))
		proceed <- struct{}{}
		c.wants(200, `"a"`)
		until(t, func() bool { return srv.WatchedLanes() == 1 })
		proceed <- struct{}{} // without another byte: the watch is called off
		c.wants(200, `"b"`)
	}
	if early.Load() {
		t.Error("a context has ended during the call")
	}
}

// TestLanesDrain: Shutdown closes who waits, and lets who is served have the answer.
func TestLanesDrain(t *testing.T) {
	entered, proceed := make(chan struct{}), make(chan struct{})
	srv, address := serveSay(t, server.Options{}, func(_ context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		if in.Value == "wait" {
			close(entered)
			<-proceed
		}
		return in, nil
	})
	idle, busy, half := talkTo(t, address), talkTo(t, address), talkTo(t, address)
	idle.say(saying(`"a"`))
	idle.wants(200, `"a"`)
	busy.say(saying(`"wait"`))
	half.say("POST /v1/say HTTP/1.1\r\nHo")
	<-entered
	until(t, func() bool { return srv.Lanes() == 3 })
	shut := make(chan error, 1)
	go func() { shut <- srv.Shutdown(context.Background()) }()
	idle.wantsEnd()
	half.say(saying(`"half"`)[len("POST /v1/say HTTP/1.1\r\nHo"):])
	if response, text := half.answer("POST"); text != `"half"` || !response.Close {
		t.Errorf("the request that had begun: %s %s, closes %v", response.Status, text, response.Close)
	}
	select {
	case err := <-shut:
		t.Errorf("Shutdown returned %v during a call", err)
	default:
	}
	close(proceed)
	if response, text := busy.answer("POST"); text != `"wait"` || !response.Close {
		t.Errorf("the call under way: %s %s, closes %v", response.Status, text, response.Close)
	}
	busy.wantsEnd()
	if err := <-shut; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestHandingOverDuringShutdown: what would have become net/http's is told that it is too late.
func TestHandingOverDuringShutdown(t *testing.T) {
	srv, address := serveSay(t, server.Options{}, repeat)
	c := talkTo(t, address)
	c.say("GET /page HTTP/1.1\r\nHo")
	until(t, func() bool { return srv.Lanes() == 1 })
	shut := make(chan error, 1)
	go func() { shut <- srv.Shutdown(context.Background()) }()
	until(t, srv.LanesDrain)
	c.say("st: a\r\n\r\n")
	if response, _ := c.answer("GET"); response.StatusCode != 503 || !response.Close {
		t.Errorf("got %s", response.Status)
	}
	c.wantsEnd()
	if err := <-shut; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestCloseCutsLanes: handlers' contexts end, and clients see the end.
func TestCloseCutsLanes(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	srv, address := serveSay(t, server.Options{}, func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		close(entered)
		<-ctx.Done()
		ended <- ctx.Err()
		return in, nil
	})
	c := talkTo(t, address)
	c.say(saying(`"a"`))
	<-entered
	srv.Close()
	if err := <-ended; err != context.Canceled {
		t.Errorf("the handler's context: %v", err)
	}
	c.wantsEnd()
}

// TestLaneOverTLS has the facts of the connection, with and without ALPN.
func TestLaneOverTLS(t *testing.T) {
	own, roots := certificate(t, "test")
	srv, address := serveSay(t, server.Options{TLS: &tls.Config{Certificates: []tls.Certificate{own}}}, func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		peer := farcall.IncomingCall(ctx).Peer()
		return wrapperspb.String(fmt.Sprint(in.Value, peer.Address != nil, peer.TLS != nil && peer.TLS.HandshakeComplete)), nil
	})
	for _, offered := range [][]string{nil, {"http/1.1"}} {
		nc, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "test", NextProtos: offered})
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		c := &talk{t, nc, bufio.NewReader(nc)}
		for range 2 {
			c.say(saying(`"a"`))
			c.wants(200, `"atrue true"`)
		}
		if srv.Lanes() == 0 {
			t.Error("it is not read here")
		}
		nc.Close()
		until(t, func() bool { return srv.Lanes() == 0 })
	}
}

// TestHEADOnALane has the head of what GET would have.
func TestHEADOnALane(t *testing.T) {
	_, address := serveSay(t, server.Options{}, repeat)
	c := talkTo(t, address)
	// A method of Connect that has side effects is not called by HEAD; the refusal has no body either.
	c.say("HEAD " + say.Path + "?encoding=json&message=%22a%22 HTTP/1.1\r\nHost: a\r\n\r\n" + saying(`"b"`))
	if response, text := c.answer("HEAD"); response.StatusCode != 405 || text != "" {
		t.Errorf("got %s %q", response.Status, text)
	}
	c.wants(200, `"b"`)
}

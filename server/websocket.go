// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/farcall/farcall/internal/exchange"
)

// asksForWebSocket reports whether a request of HTTP/1.1 wants to become a WebSocket (RFC 6455 section 4.1).
func asksForWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoMajor == 1 && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// sockets are the WebSockets that are open. net/http knows nothing of them any more.
type sockets struct {
	mu     sync.Mutex // guards what follows
	open   map[*socket]struct{}
	closed bool
	empty  chan struct{} // closed when the last one ends after shutdown has begun; nil before
}

// enter adds a WebSocket; false if there may be no more.
func (s *sockets) enter(added *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.open == nil {
		s.open = make(map[*socket]struct{})
	}
	s.open[added] = struct{}{}
	return true
}

func (s *sockets) leave(left *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, left)
	if s.empty != nil && len(s.open) == 0 {
		close(s.empty)
		s.empty = nil
	}
}

// shutdown lets no more in, and waits for those that are open or for ctx.
func (s *sockets) shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	if len(s.open) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close breaks all of them off.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for open := range s.open {
		open.cancel()
		_ = open.conn.CloseNow()
	}
}

// socket is a WebSocket as an exchange.Conversation.
type socket struct {
	conn   *websocket.Conn
	head   exchange.Head
	stall  time.Duration
	cancel context.CancelFunc // ends its call

	incoming chan []byte   // from the goroutine that reads
	broken   chan struct{} // closed when nothing can be read any more; err says why
	err      error
	closing  chan struct{} // closed by Close
	once     sync.Once     // for closing
}

var _ exchange.Conversation = (*socket)(nil)

// serveWebSocket makes a request a WebSocket, and serves it until it is closed. Pages of other origins than this server's own and
// those of Options.CORS are refused.
func (e *edge) serveWebSocket(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	controller := http.NewResponseController(w) // an earlier request on the connection may have set deadlines
	_ = controller.SetReadDeadline(time.Time{})
	_ = controller.SetWriteDeadline(time.Time{})
	options := e.server.options
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: options.CORS.Origins})
	if err != nil {
		return // it has answered
	}
	conn.SetReadLimit(int64(options.MaxReceiveBytes))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &socket{conn: conn, head: newHTTP1Exchange(w, r, options.StallTimeout).head, stall: options.StallTimeout, cancel: cancel,
		incoming: make(chan []byte), broken: make(chan struct{}), closing: make(chan struct{})}
	if !e.sockets.enter(s) {
		_ = conn.Close(websocket.StatusGoingAway, "the server is shutting down")
		return
	}
	defer e.sockets.leave(s)
	go s.read() // ends when the connection is closed, at the latest below
	defer func() { _ = conn.CloseNow(); <-s.broken }()
	if beat := limit(options.REST.Heartbeat, defaultBeat, forever); beat < forever {
		stop := make(chan struct{})
		defer close(stop)
		go s.beat(beat, stop) // ends with the WebSocket
	}
	e.routes.Converse(ctx, s)
}

// defaultBeat is how often a WebSocket's client is asked whether it is there.
const defaultBeat = 15 * time.Second

// beat asks the client whether it is there. One that has no answer for StallTimeout loses the connection.
func (s *socket) beat(interval time.Duration, stop <-chan struct{}) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.stall)
		err := s.conn.Ping(ctx)
		cancel()
		if err != nil {
			_ = s.conn.CloseNow()
			return
		}
	}
}

// read hands messages on, one at a time. A Read whose context ends would close the connection, and with it the way for
// telling why: so Receive waits for this goroutine instead.
func (s *socket) read() {
	defer close(s.broken)
	for {
		_, message, err := s.conn.Read(context.Background())
		if err != nil {
			s.err = err
			return
		}
		select {
		case s.incoming <- message:
		case <-s.closing:
			s.err = context.Canceled
			return
		}
	}
}

func (s *socket) Request() exchange.Head { return s.head }

func (s *socket) Receive(ctx context.Context) ([]byte, error) {
	select {
	case message := <-s.incoming:
		return message, nil
	case <-s.broken:
		return nil, s.err
	case <-s.closing:
		return nil, context.Canceled
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send gives a client that takes nothing StallTimeout, and the call's end no say: half a message would break the
// connection.
func (s *socket) Send(ctx context.Context, message []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.stall)
	defer cancel()
	return s.conn.Write(sending, websocket.MessageText, message)
}

// Close tells the client, and does not wait for long that it closes too.
func (s *socket) Close(code int, reason string) {
	s.once.Do(func() {
		close(s.closing)
		const most = 123 // RFC 6455 section 5.5
		if len(reason) > most {
			reason = strings.ToValidUTF8(reason[:most-len("…")], "") + "…"
		}
		_ = s.conn.Close(websocket.StatusCode(code), reason)
	})
}

// SPDX-License-Identifier: Apache-2.0

// Package health is a standard service, registered like anybody's: it tells clients and load balancers whether the
// server, or one of its services, can take calls now (gRPC's health checking protocol).
//
//	status := health.Register(srv)            // the server as a whole is serving
//	status.SetServing("shop.v1.Payments")     // and so is this service,
//	status.SetNotServing("shop.v1.Payments")  // until it loses its database
package health

import (
	"maps"
	"strconv"
	"sync"

	"github.com/farcall/farcall"
)

// Status says whether a service can take calls. The values are the protocol's.
type Status int32

// The statuses.
const (
	Unknown        Status = 0 // the server does not say
	Serving        Status = 1
	NotServing     Status = 2
	ServiceUnknown Status = 3 // the server has no status for the service
)

var statusNames = [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

// String returns the status as the protocol spells it, such as "NOT_SERVING".
func (s Status) String() string {
	if s >= 0 && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "STATUS_" + strconv.Itoa(int(s))
}

// Host is what health needs of a server; *server.Server is one.
type Host interface {
	farcall.Registrar
	// OnShutdown has f called when the server begins to shut down. It does not wait for f's effects to reach clients.
	OnShutdown(f func())
}

// Server has the status of each service. It is safe for concurrent use.
//
// The empty service is the server as a whole. A service has no status until one is set, also where its methods are
// registered: a client that asks for it is told that it is unknown.
type Server struct {
	mu       sync.Mutex // guards what follows
	statuses map[string]Status
	watches  map[string]map[*watch]struct{} // the Watch calls in progress, by service
	paused   bool                           // Shutdown was called: all is NotServing
	ended    bool                           // the host is shutting down: Watch calls end
}

// watch is one Watch call in progress.
type watch struct {
	changed chan struct{} // holds one token when there may be news; many changes are one piece of news
}

// Register offers the health service on a server. The server as a whole is Serving at once. When the server shuts down,
// every status becomes NotServing and Watch calls end, so that they do not hold the shutdown up.
func Register(on Host) *Server {
	s := &Server{
		statuses: map[string]Status{"": Serving},
		watches:  map[string]map[*watch]struct{}{},
	}
	on.Register(checkMethod, farcall.HandleUnary(s.check))
	on.Register(listMethod, farcall.HandleUnary(s.list))
	on.Register(watchMethod, s.watch)
	on.OnShutdown(s.end)
	return s
}

// SetServing says that the service takes calls; "" is the server as a whole.
func (s *Server) SetServing(service string) { s.SetStatus(service, Serving) }

// SetNotServing says that the service takes no calls for now; "" is the server as a whole.
func (s *Server) SetNotServing(service string) { s.SetStatus(service, NotServing) }

// SetStatus sets the status of a service; "" is the server as a whole. ServiceUnknown forgets the service. After Shutdown
// it is kept for Resume and shows only then.
func (s *Server) SetStatus(service string, status Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status == ServiceUnknown {
		delete(s.statuses, service)
	} else {
		s.statuses[service] = status
	}
	s.tellLocked(service)
}

// Shutdown makes every status NotServing, until Resume. Call it some seconds before the server's own Shutdown where
// load balancers need that time to look elsewhere.
func (s *Server) Shutdown() { s.setPaused(true) }

// Resume shows every status again as it was set, also during the pause.
func (s *Server) Resume() { s.setPaused(false) }

func (s *Server) setPaused(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
	s.tellAllLocked()
}

// end makes every status NotServing for good and ends the Watch calls.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.tellAllLocked()
}

// Status returns what a client that asks for the service is told; "" is the server as a whole.
func (s *Server) Status(service string) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statusLocked(service)
}

func (s *Server) statusLocked(service string) Status {
	status, known := s.statuses[service]
	switch {
	case !known:
		return ServiceUnknown
	case s.paused || s.ended:
		return NotServing
	}
	return status
}

// all returns the status of every service that has one.
func (s *Server) all() map[string]Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := maps.Clone(s.statuses)
	for service := range shown {
		shown[service] = s.statusLocked(service)
	}
	return shown
}

func (s *Server) tellLocked(service string) {
	for w := range s.watches[service] {
		select {
		case w.changed <- struct{}{}:
		default: // it has not looked since the last token, so it will see this change too
		}
	}
}

func (s *Server) tellAllLocked() {
	for service := range s.watches {
		s.tellLocked(service)
	}
}

// begin enters a Watch call. stop takes it out again, and the last one of a service leaves nothing behind: clients choose
// the names.
func (s *Server) begin(service string) (w *watch, stop func()) {
	w = &watch{changed: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches[service] == nil {
		s.watches[service] = map[*watch]struct{}{}
	}
	s.watches[service][w] = struct{}{}
	return w, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watches[service], w)
		if len(s.watches[service]) == 0 {
			delete(s.watches, service)
		}
	}
}

// look returns what a Watch call should send now, and whether that is its last.
func (s *Server) look(service string) (status Status, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statusLocked(service), s.ended
}

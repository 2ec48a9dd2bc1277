// SPDX-License-Identifier: Apache-2.0

// Package server listens on one port, tells the protocols apart, dispatches to handlers, drains.
//
// A connection comes in by listen.go and sniff.go; its gRPC requests go through accept.go, dispatch.go and stream.go and
// are answered by answer.go; all other requests go to packages web and rest by way of edge.go, those
// over HTTP/1.1 from lane.go or http1.go. Calls made in this process come in by local.go.
package server

import (
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/codec"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/call"
	"github.com/farcall/farcall/internal/http2"
)

// Server offers services on any number of listeners. It is safe for concurrent use.
type Server struct {
	// Set once:
	options    Options
	logger     Logger
	refusals   refusals // of what Options.Protocols leaves out
	budget     *http2.Budget
	standby    http2.Standby
	tap        http2.Tap // nil without Options.Frames
	edge       edge
	secure     securer // nil in plaintext
	workers    workers
	crowd      crowd
	handshakes handshakes

	unknown     farcall.Handler // with the interceptors around it; nil without Options.Unknown
	compressors *compress.Table
	codecs      *codec.Table

	// methods is replaced, never changed, so that calls look methods up without a lock.
	methods atomic.Pointer[map[string]*registered]

	mu          sync.Mutex // guards what follows, and who may replace methods
	state       state
	listeners   map[net.Listener]struct{}
	connections map[*connection]struct{}
	locals      map[*farcall.Call]struct{} // calls made in this process
	onShutdown  []func()

	idle     chan struct{} // closed when the last connection and the last local call have ended, after Shutdown or Close
	idleOnce sync.Once
	ended    chan struct{} // closed when Shutdown or Close has done its work
	endOnce  sync.Once
}

// state is what a server does with newcomers.
type state uint8

const (
	serving  state = 0
	draining state = 1 // no new connections; local calls still come, from calls under way
	closed   state = 2 // no local calls either
)

// registered is a method with its handler, ready to be called.
type registered struct {
	method  *farcall.Method
	handler farcall.Handler // with the interceptors around it
	place   string          // the source line that registered it
	pace    pace
}

// New returns a server without services.
func New(options Options) *Server {
	options = options.withDefaults()
	s := &Server{
		options:     options,
		secure:      newSecurer(options.TLS),
		logger:      options.Logger,
		refusals:    options.Protocols.refusals(),
		budget:      http2.NewBudget(options.ReceiveBudgetBytes),
		listeners:   make(map[net.Listener]struct{}),
		connections: make(map[*connection]struct{}),
		locals:      make(map[*farcall.Call]struct{}),
		compressors: compress.NewTable(options.Compressors...),
		codecs:      codec.NewTable(options.Codecs...),
		idle:        make(chan struct{}),
		ended:       make(chan struct{}),
	}
	s.handshakes.most = options.MaxHandshakes
	if options.Unknown != nil {
		s.unknown = call.Wrap(options.Interceptors, options.Unknown)
	}
	if options.Frames != nil {
		s.tap = frameTap{options.Frames}
	}
	s.methods.Store(&map[string]*registered{})
	s.edge.init(s)
	return s
}

// Register offers method through handler, over gRPC and, where the method has HTTP rules, over REST. It is called before
// the first Serve. A path that is registered already, or an HTTP rule that another method has, is a mistake in the
// program's wiring and panics.
func (s *Server) Register(method *farcall.Method, handler farcall.Handler) {
	added := &registered{method: method, handler: call.Wrap(s.options.Interceptors, handler), place: callerOutside()}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := *s.methods.Load()
	if earlier, taken := known[method.Path]; taken {
		panic(fmt.Sprintf("farcall: %s is registered twice: at %s and at %s", method, earlier.place, added.place))
	}
	if err := s.edge.register(method); err != nil {
		panic(fmt.Sprintf("farcall: %s, registered at %s: %v", method, added.place, err))
	}
	grown := maps.Clone(known)
	grown[method.Path] = added
	s.methods.Store(&grown)
}

// callerOutside names the source line that registers a service: the nearest caller outside this package that is not
// generated code.
func callerOutside() string {
	var callers [16]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])]) // skips Callers, callerOutside and Register
	nearest := ""
	for {
		frame, more := frames.Next()
		place := fmt.Sprintf("%s:%d", frame.File, frame.Line)
		if nearest == "" {
			nearest = place
		}
		if !strings.HasSuffix(frame.File, ".farcall.go") {
			return place
		}
		if !more {
			return nearest
		}
	}
}

// Methods returns the registered methods in the order of their paths.
func (s *Server) Methods() []*farcall.Method {
	known := *s.methods.Load()
	methods := make([]*farcall.Method, 0, len(known))
	for _, path := range slices.Sorted(maps.Keys(known)) {
		methods = append(methods, known[path].method)
	}
	return methods
}

// find returns the method of a path, or an UNIMPLEMENTED error that says what there is instead. The error costs by how many
// methods there are; who merely asks, calls lookup.
func (s *Server) find(path string) (*registered, error) {
	if found, ok := s.lookup(path); ok {
		return found, nil
	}
	return nil, unknownMethod(*s.methods.Load(), path)
}

// lookup returns the method of a path, if there is one.
func (s *Server) lookup(path string) (*registered, bool) {
	if found, ok := (*s.methods.Load())[path]; ok {
		return found, true
	}
	if s.unknown != nil && strings.Count(path, "/") == 2 && !strings.HasSuffix(path, "/") {
		return &registered{method: &farcall.Method{Path: path, Kind: farcall.KindBidi}, handler: s.unknown}, true
	}
	return nil, false
}

// unknownMethod tells an unknown service from an unknown method of a known one.
func unknownMethod(known map[string]*registered, path string) error {
	service, name, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok || service == "" || name == "" {
		return farcall.Errorf(farcall.Unimplemented, "the path %q names no method: /package.Service/Method is expected", clip(path))
	}
	var names, services []string
	for _, path := range slices.Sorted(maps.Keys(known)) {
		method := known[path].method
		if method.Service() == service {
			names = append(names, method.Name())
		}
		if !slices.Contains(services, method.Service()) {
			services = append(services, method.Service())
		}
	}
	switch {
	case len(names) > 0:
		return farcall.Errorf(farcall.Unimplemented, "service %s has no method %s here: it has %s", service, clip(name), list(names))
	case len(services) > 0:
		return farcall.Errorf(farcall.Unimplemented, "there is no service %s here: there is %s", clip(service), list(services))
	}
	return farcall.Errorf(farcall.Unimplemented, "there is no service %s here: none is registered", clip(service))
}

// list joins at most a few names.
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// clip shortens what a peer sent, so that it can stand in a message.
func clip(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

var _ farcall.Registrar = (*Server)(nil)

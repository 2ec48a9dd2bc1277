// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/farcall/farcall"
	"github.com/farcall/farcall/compress"
	"github.com/farcall/farcall/internal/exchange"
	"github.com/farcall/farcall/internal/schema"
	"github.com/farcall/farcall/transcode"
)

// Options configures a Router.
type Options struct {
	Invoker      farcall.Invoker  // makes the calls
	Observer     farcall.Observer // told of steps 1, 2 and 14; nil for none
	MaxBodyBytes int              // of a request, or of one message where it is a stream; 0: 4 MiB, negative: no limit
	BodyTimeout  time.Duration    // for a request's body to arrive; 0: 30 s, negative: as long as the call may take

	// Rules are HTTP rules from outside the .proto files, such as the http of a google.api.Service. The last one whose
	// selector names a method takes the place of the method's own. nil: there are none.
	Rules *annotations.Http
	// RequestHeaders become metadata under their own names, besides those that always do.
	RequestHeaders []string
	// ResponseHeaders are response metadata that goes out under its own names, besides that which always does.
	ResponseHeaders []string

	// Compression says how answers are compressed, for clients that accept it: "" as the request was, "identity" not at all, or
	// names with commas between them in order of preference, which decides where the client has none.
	Compression string
	// MinCompressBytes is the size from which answers that are one message are compressed. 0: 1 KiB; negative: all are.
	MinCompressBytes int
	// MaxCompressionBytes bounds what all streams hold because they are compressed. 0: 256 MiB; negative: no limit.
	MaxCompressionBytes int64
	// Compressors are those for both directions. nil: gzip and zstd.
	Compressors *compress.Table

	// Heartbeat is how often a client of server-sent events hears something, whether or not there are any. 0: 15 s;
	// negative: never.
	Heartbeat time.Duration

	// JSON says how JSON is written and what of it is accepted; ServiceJSON says so for single services, by full name.
	JSON        transcode.Options
	ServiceJSON map[string]transcode.Options

	// LeftOut is what the requests of every route are answered with. nil: they are served.
	LeftOut error

	// Raw hands the Invoker messages as *farcall.Raw where nothing is done with them but to convert them: responses, and
	// requests that are in the body alone. That is cheaper, and right if the Invoker's calls are in protobuf's binary form,
	// and its interceptors do without the messages.
	Raw bool
}

// Router serves the routes of the methods registered with it. Methods are registered before the first request is
// served; from then on it serves any number of goroutines.
type Router struct {
	options                         Options
	root                            node
	requestHeaders, responseHeaders map[string]bool // from Options, in lower case
	near                            nearby          // the Invoker, if it is that and Options.Raw allows it

	compressing atomic.Int64  // bytes that streams hold because they are compressed
	lateness    time.Duration // how long a client may take, after the deadline of its stream, for what it has been sent by then
}

// New returns a Router without routes.
func New(options Options) *Router {
	if options.MaxBodyBytes == 0 {
		options.MaxBodyBytes = 4 << 20
	}
	if options.MaxBodyBytes < 0 {
		options.MaxBodyBytes = math.MaxInt32
	}
	if options.BodyTimeout == 0 {
		options.BodyTimeout = 30 * time.Second
	}
	if options.MinCompressBytes == 0 {
		options.MinCompressBytes = defaultMinCompressBytes
	}
	if options.Compressors == nil {
		options.Compressors = compress.NewTable()
	}
	if options.MaxCompressionBytes == 0 {
		options.MaxCompressionBytes = defaultCompressionBytes
	}
	if options.MaxCompressionBytes < 0 {
		options.MaxCompressionBytes = math.MaxInt64
	}
	if options.Heartbeat == 0 {
		options.Heartbeat = 15 * time.Second
	}
	r := &Router{options: options, lateness: 5 * time.Second,
		requestHeaders: headerNames(options.RequestHeaders), responseHeaders: headerNames(options.ResponseHeaders)}
	if options.Raw {
		r.near, _ = options.Invoker.(nearby)
	}
	return r
}

// route is one rule of one method.
type route struct {
	method       *farcall.Method
	rule         *schema.Rule
	takesBytes   bool                         // the body is a google.api.HttpBody
	answersBytes bool                         // the answer is one
	mask         protoreflect.FieldDescriptor // says which fields a PATCH has; nil if none does
	converters
}

func newRoute(method *farcall.Method, rule *schema.Rule) *route {
	request := method.NewRequest().ProtoReflect().Descriptor()
	response := method.NewResponse().ProtoReflect().Descriptor()
	return &route{
		method: method, rule: rule,
		takesBytes:   rule.WholeBody && isHTTPBody(request) || singular(rule.Body) && isHTTPBody(rule.Body.Message()),
		answersBytes: rule.Answer == nil && isHTTPBody(response) || singular(rule.Answer) && isHTTPBody(rule.Answer.Message()),
		mask:         maskField(rule, request),
	}
}

// String names the rule and the method that has it.
func (r *route) String() string { return fmt.Sprintf("%s (%s)", r.rule, r.method) }

// Register adds the routes of the method's google.api.http option, or of the rule in Options.Rules that selects it; without
// one it does nothing. The error names a rule that cannot work, or both of two rules for the same requests. The Router is
// of no use after an error.
func (r *Router) Register(method *farcall.Method) error {
	rules, err := schema.Rules(method, r.options.Rules)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		added := newRoute(method, rule)
		added.converters = r.newConverters(added)
		leaf := r.root.leaf(rule.Template)
		if other := leaf[rule.HTTPMethod]; other != nil {
			return fmt.Errorf("two rules for the same requests: %s and %s; one of the two google.api.http options must change", other, added)
		}
		leaf[rule.HTTPMethod] = added
	}
	return nil
}

// Found is what a Router has for a request. The zero value is for a request that has nothing.
type Found struct {
	match   match
	options bool // the HTTP method is OPTIONS
}

// Find looks a request up by its HTTP method and its path, which may have a query.
func (r *Router) Find(method, path string) Found {
	path, _, _ = strings.Cut(path, "?")
	return Found{match: r.root.find(method, path), options: method == "OPTIONS"}
}

// Routed reports whether a route has the path, whatever its HTTP method: if so, Serve has a better answer than 404. It is
// false for OPTIONS where no route has that, since whoever else serves the path may answer it (CORS).
func (f *Found) Routed() bool {
	return f.match.route != nil || len(f.match.others) > 0 && !f.options
}

// Unary reports whether there is a route that takes one message and answers with one.
func (f *Found) Unary() bool {
	return f.match.route != nil && f.match.route.method.Kind == farcall.KindUnary
}

// Match reports whether what Find finds is Routed.
func (r *Router) Match(method, path string) bool {
	found := r.Find(method, path)
	return found.Routed()
}

// Serve answers one request, whatever it is. It blocks until the answer is written; ctx is that of the request, with its
// peer.
func (r *Router) Serve(ctx context.Context, x exchange.Served) {
	head := x.Request()
	r.ServeFound(ctx, x, r.Find(head.Get(":method"), head.Get(":path")))
}

// ServeFound is Serve for a request that Find has looked up.
func (r *Router) ServeFound(ctx context.Context, x exchange.Served, found Found) {
	c := call{router: r, x: x, head: x.Request(), match: found.match}
	c.httpMethod = c.head.Get(":method")
	c.target = c.head.Get(":path")
	path, query, _ := strings.Cut(c.target, "?")
	c.query = query
	if r.options.Observer != nil {
		c.info = &farcall.CallInfo{Side: farcall.SideEdge, Start: time.Now()}
		if c.match.route != nil {
			c.info.Method = c.match.route.method
		}
		ctx = r.options.Observer.Begin(ctx, c.info)
	}
	switch route := c.match.route; {
	case route == nil && c.httpMethod == "OPTIONS" && (len(c.match.others) > 0 && r.options.LeftOut == nil || path == "*"):
		c.answerOptions()
	case route != nil && route.method.Kind != farcall.KindUnary:
		streaming := c // which its goroutines share: the call of a unary method stays on this one's stack
		streaming.serveStream(ctx)
	default:
		defer c.answerForGoexit()
		c.answer(c.invoke(ctx))
	}
}

// answerForGoexit answers a call whose handler has ended the goroutine: Invokers may run it on this one.
func (c *call) answerForGoexit() {
	if c.invoking {
		c.answer(nil, farcall.Metadata{}, farcall.Errorf(farcall.Internal, "the handler of %s ended its goroutine", c.match.route.method))
	}
}

// call is one REST request on its way; it belongs to the goroutine of Serve.
type call struct {
	router     *Router
	x          exchange.Served
	head       exchange.Head
	headers    requestHeaders
	metadata   farcall.Metadata // what the request's headers carry
	httpMethod string
	target     string
	query      string
	match      match
	info       *farcall.CallInfo // nil without an Observer
	invoking   bool              // the Invoker has not returned

	format   format // of the request's body, once that is known
	boundary string // of a form
	offer    offer  // what the answer will be; the zero value until that is chosen

	compressed *compressedBody // of a body that is a compressed stream; nil for any other
}

// step tells the Observer.
func (c *call) step(step farcall.Step, message, bytes int, err error) {
	if c.info == nil {
		return
	}
	c.router.options.Observer.Event(farcall.Event{
		Call: c.info, Message: message, Step: step, Side: farcall.SideEdge, Bytes: bytes, Time: time.Now(), Err: err,
	})
}

// invoke makes the call of a unary method. It returns the response and the answer's header metadata.
func (c *call) invoke(ctx context.Context) (any, farcall.Metadata, error) {
	ctx, cancel, request, err := c.prepare(ctx)
	if err != nil {
		return nil, farcall.Metadata{}, err
	}
	defer cancel()
	if near := c.near(); near != nil {
		return c.invokeNear(ctx, near, request)
	}
	ctx, outgoing := farcall.NewCall(c.outgoing(ctx))
	response := c.newResponse()
	c.invoking = true
	err = c.router.options.Invoker.Invoke(ctx, c.match.route.method, request, response)
	c.invoking = false
	if err == nil {
		err = gone(ctx)
	}
	if err != nil {
		return nil, *outgoing.ResponseHeader(), err
	}
	return response, *outgoing.ResponseHeader(), nil
}

// gone returns an error if the call has ended before its answer is made: JSON of many large answers for clients that have gone
// is how a server is kept busy.
func gone(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return farcall.Errorf(farcall.CodeOf(err), "the call ended before its answer could be written: %w", err)
	}
	return nil
}

// prepare reads the request, and returns the call's message and context. With a nil error, cancel must be called.
func (c *call) prepare(ctx context.Context) (prepared context.Context, cancel context.CancelFunc, request any, err error) {
	ctx, cancel, err = c.begin(ctx)
	if err != nil {
		c.step(farcall.StepRequestArrives, 0, 0, err)
		return nil, nil, nil, err
	}
	body, err := c.readBody(ctx)
	c.step(farcall.StepRequestArrives, 1, len(body), err)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	request, err = c.bind(c.input(body))
	c.step(farcall.StepCallStub, 1, 0, err)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return ctx, cancel, request, nil
}

// input is the body as bind takes it.
func (c *call) input(body []byte) input {
	return input{body: body, format: c.format, contentType: c.headers.contentType, boundary: c.boundary}
}

// begin refuses what can be refused without the body, and returns the call's context, with its deadline. With a nil error,
// cancel must be called.
func (c *call) begin(ctx context.Context) (begun context.Context, cancel context.CancelFunc, err error) {
	if c.headers, err = readHeaders(c.head); err != nil {
		return nil, nil, err
	}
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	if err := c.chooseAnswer(); err != nil {
		return nil, nil, err
	}
	if err = c.readMetadata(); err != nil {
		return nil, nil, err
	}
	return c.withTimeout(ctx)
}

// chooseAnswer settles what the answer will be.
func (c *call) chooseAnswer() (err error) {
	if offers := c.match.route.offers(c.headers.contentType); offers != nil {
		c.offer, err = choose(c.headers.accept, offers)
		return err
	}
	c.offer.format = formatBytes
	return nil
}

// check refuses a request that has no route, or one that cannot be served.
func (c *call) check() error {
	switch route := c.match.route; {
	case c.router.options.LeftOut != nil && (route != nil || len(c.match.others) > 0):
		return c.router.options.LeftOut
	case c.match.err != nil:
		return refuse(400, farcall.InvalidArgument, "%w", c.match.err)
	case route == nil && len(c.match.others) > 0:
		allowed := c.match.allowed()
		refused := refuse(405, farcall.Unimplemented, "%s is not possible at this path: it takes %s", clip(c.httpMethod), allowed)
		refused.fields = []exchange.Field{{Name: "allow", Value: allowed}}
		return refused
	case route == nil:
		path, _, _ := strings.Cut(c.target, "?")
		return refuse(404, farcall.NotFound, "there is nothing at %s", clip(path))
	case c.router.options.Invoker == nil:
		return refuse(500, farcall.Internal, "rest.Options.Invoker is nil: nobody makes the calls")
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package late_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/farcall/farcall/client"
	"github.com/farcall/farcall/conformance/rules/rulespb"
	"github.com/farcall/farcall/internal/frame"
	"github.com/farcall/farcall/server"
)

// trouble is a server that does not answer, in one way or the other.
type trouble struct {
	name   string
	script func(p *scripted)
	dial   func(options *client.Options)
	hint   string // what the error of a small call must say
	large  string // and of one that does not fit into a window; "": the same
}

var announced = frame.AppendData(nil, 1, []byte{0, 0, 16, 0, 0, 1, 2, 3}, false) // a message of 1 MiB, and three bytes of it

var troubles = []trouble{
	{name: "a connect that hangs", hint: "connection is not there yet", dial: func(options *client.Options) {
		options.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}},
	{name: "no SETTINGS", hint: "no SETTINGS", script: func(p *scripted) {
		if _, err := p.reader.Peek(1); err == nil {
			p.sleep()
		}
	}},
	{name: "no answer", hint: "nothing has come from", large: "flow control", script: func(p *scripted) { p.greet(); p.each(true, nil) }},
	{name: "no answer to anything", hint: "nothing has come from", large: "flow control", script: func(p *scripted) { p.greet(); p.each(false, nil) }},
	{name: "no reading", hint: "nothing has come from", large: "flow control", script: func(p *scripted) { p.greet(); p.sleep() }},
	{name: "no reading, with all the window there can be", hint: "nothing has come from", large: "takes no more of them", script: func(p *scripted) {
		p.greet(frame.Setting{ID: frame.InitialWindowSize, Value: frame.LargestWindow}, openConnection)
		p.sleep()
	}},
	{name: "no window", hint: "flow control", script: func(p *scripted) {
		p.greet(frame.Setting{ID: frame.InitialWindowSize, Value: 0})
		p.each(true, nil)
	}},
	{name: "no streams", hint: "MaxConnections is 4", script: func(p *scripted) {
		p.greet(frame.Setting{ID: frame.MaxConcurrentStreams, Value: 0})
		p.each(true, nil)
	}},
	{name: "only a head", script: func(p *scripted) {
		p.greet()
		p.each(true, func(h frame.Header, _ []byte) {
			if h.Type == frame.Headers {
				p.send(answerHead(h.Stream))
			}
		})
	}},
	{name: "a piece of a message", script: func(p *scripted) {
		p.greet()
		p.each(true, func(h frame.Header, _ []byte) {
			if h.Type == frame.Headers {
				p.send(answerHead(h.Stream), frame.AppendData(nil, h.Stream, announced[frame.HeaderBytes:], false))
			}
		})
	}},
	{name: "a message without an end", script: func(p *scripted) {
		p.greet()
		p.each(true, func(h frame.Header, _ []byte) {
			if h.Type == frame.Headers {
				p.send(answerHead(h.Stream), frame.AppendData(nil, h.Stream, []byte{0, 0, 0, 0, 0}, false))
			}
		})
	}},
}

// Whatever a server does or does not do, a call of any kind ends by its deadline.
func TestEveryCallEndsByItsDeadline(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		for _, trouble := range troubles {
			t.Run(trouble.name, func(t *testing.T) {
				options, address := patientClient(), "127.0.0.1:1"
				if trouble.script != nil {
					address = peer(t, s, trouble.script)
				}
				if trouble.dial != nil {
					trouble.dial(&options)
				}
				everyCall(t, func(name string, call makeCall, message *rulespb.Item) {
					rules, _ := s.dial(t, address, options)
					hint := ""
					if strings.HasSuffix(name, "unary") { // of other kinds two goroutines may wait for different things
						hint = trouble.hint
					}
					if hint != "" && trouble.large != "" && strings.HasPrefix(name, "large") {
						hint = trouble.large
					}
					overdue(t, name, call, rules, message, hint)
				})
			})
		}
	})
}

// A server of ours, with handlers that take no notice of anything: it answers for them.
func TestEveryCallEndsWhateverTheHandlerDoes(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		h, _ := obstinate(t)
		_, address := s.serve(t, nil, h, server.Options{MaxReceiveBytes: -1})
		everyCall(t, func(name string, call makeCall, message *rulespb.Item) {
			rules, _ := s.dial(t, address, patientClient())
			overdue(t, name, call, rules, message, "while it was running")
		})
	})
}

// A server that takes connections and does not begin TLS.
func TestATLSHandshakeThatHangs(t *testing.T) {
	secured(t, func(t *testing.T, s security) {
		if s.client == nil {
			return
		}
		address := peer(t, security{}, func(p *scripted) { p.sleep() })
		everyCall(t, func(name string, call makeCall, message *rulespb.Item) {
			rules, _ := s.dial(t, address, patientClient())
			overdue(t, name, call, rules, message, "the TLS handshake has not ended")
		})
	})
}

// A dialer that takes no notice of its context.
func TestADialerThatNeverReturns(t *testing.T) {
	over := make(chan struct{})
	options := patientClient()
	options.Dialer = func(context.Context, string, string) (net.Conn, error) {
		<-over
		return nil, net.ErrClosed
	}
	defer close(over)
	everyCall(t, func(name string, call makeCall, message *rulespb.Item) {
		rules, _ := security{}.dial(t, "127.0.0.1:1", options)
		overdue(t, name, call, rules, message, "is not there yet")
	})
}

// Calls that wait because a server takes no more at a time go on when it raises its limit, and nothing else happens.
func TestALimitThatIsRaised(t *testing.T) {
	raise := make(chan struct{})
	address := peer(t, security{}, func(p *scripted) {
		p.greet(frame.Setting{ID: frame.MaxConcurrentStreams, Value: 0})
		var writing sync.Mutex
		raised := make(chan struct{})
		defer func() { <-raised }()
		go func() {
			defer close(raised)
			select {
			case <-raise:
			case <-p.over:
			}
			writing.Lock()
			defer writing.Unlock()
			p.send(frame.AppendSettings(nil, frame.Setting{ID: frame.MaxConcurrentStreams, Value: 100}))
		}()
		p.each(true, func(h frame.Header, _ []byte) {
			if h.Type == frame.Headers {
				writing.Lock()
				defer writing.Unlock()
				p.send(answerHead(h.Stream), frame.AppendData(nil, h.Stream, []byte{0, 0, 0, 0, 0}, false), okTrailers(h.Stream))
			}
		})
	})
	options := patientClient()
	options.MaxConnections, options.Logger = 1, quiet
	rules, conn := security{}.dial(t, address, options)
	const waiting = 50
	result := make(chan error, waiting)
	for range waiting {
		go func() {
			_, err := rules.Get(context.Background(), item(1))
			result <- err
		}()
	}
	until(t, "the queue", func() bool { return conn.Stats().Waiting == waiting })
	close(raise)
	for range waiting {
		if err := await(t, result, "a call that has waited"); err != nil {
			t.Error(err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"slices"
	"strings"

	"github.com/farcall/farcall/internal/schema"
)

// node is a place in the tree of routes: what follows a run of segments. Looking a path up costs what its segments cost,
// however many routes there are. Variables do not show in the tree; they are taken from the segments when the route is
// known.
type node struct {
	literals map[string]*node
	single   *node           // below "*"
	ending   map[string]leaf // of the templates that end here, by verb
	open     map[string]leaf // of the templates that end in "**" here, by verb
}

// leaf holds the routes of one template, up to the names of its variables, by HTTP method.
type leaf map[string]*route

// leaf returns the place of a template in the tree, which it makes if need be.
func (n *node) leaf(template *schema.Template) leaf {
	leaves := &n.ending
	for _, segment := range template.Segments {
		if segment.Kind == schema.Multi { // the last one
			leaves = &n.open
			break
		}
		n = n.child(segment)
		leaves = &n.ending
	}
	if *leaves == nil {
		*leaves = make(map[string]leaf)
	}
	if (*leaves)[template.Verb] == nil {
		(*leaves)[template.Verb] = make(leaf)
	}
	return (*leaves)[template.Verb]
}

// child returns the node below a segment, which it makes if need be.
func (n *node) child(segment schema.Segment) *node {
	if segment.Kind == schema.Single {
		if n.single == nil {
			n.single = &node{}
		}
		return n.single
	}
	child := n.literals[segment.Text]
	if child == nil {
		child = &node{}
		if n.literals == nil {
			n.literals = make(map[string]*node)
		}
		n.literals[segment.Text] = child
	}
	return child
}

// lookup is one search for a path.
type lookup struct {
	path   requestPath
	verb   string
	method string
	others []leaf // whose path fits, but not the HTTP method
	visits int    // nodes looked at
}

// below returns the first route below n, in order of precedence, that fits the segments from index on. At worst it tries
// a literal and a "*" for each segment, so what it costs grows with the routes that resemble each other and never with
// the length of the path alone.
func (l *lookup) below(n *node, index int) *route {
	l.visits++
	if index == len(l.path.segments) {
		if found := l.at(n.ending); found != nil {
			return found
		}
		return l.at(n.open)
	}
	if child := n.literals[l.path.decoded[index]]; child != nil {
		if found := l.below(child, index+1); found != nil {
			return found
		}
	}
	if n.single != nil && l.path.segments[index] != "" {
		if found := l.below(n.single, index+1); found != nil {
			return found
		}
	}
	return l.at(n.open)
}

// at picks the route for the request's HTTP method. HEAD is GET without the body (RFC 9110 section 9.3.2).
func (l *lookup) at(leaves map[string]leaf) *route {
	routes := leaves[l.verb]
	if routes == nil {
		return nil
	}
	if route := routes.of(l.method); route != nil {
		return route
	}
	l.others = append(l.others, routes)
	return nil
}

// of returns the route for an HTTP method, nil if there is none.
func (l leaf) of(method string) *route {
	if route := l[method]; route != nil && method != schema.AnyMethod {
		return route
	}
	if method == "HEAD" && l["GET"] != nil {
		return l["GET"]
	}
	return l[schema.AnyMethod]
}

// literal returns the route whose template is the path itself, nil if there is none. At every node below looks for the
// literal first, so it would find the same one; but here the path need not be taken apart.
func (n *node) literal(method, path string) (found *route, visits int) {
	if path == "" || path[0] != '/' || strings.IndexByte(path, '%') >= 0 || strings.IndexByte(path, ':') >= 0 {
		return nil, 0
	}
	visits = 1
	for rest, more := path[1:], path != "/"; more; visits++ {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if n = n.literals[segment]; n == nil {
			return nil, 0
		}
	}
	return n.ending[""].of(method), visits
}

// match is what was found for a request.
type match struct {
	route  *route // nil if there is none
	path   requestPath
	others []leaf // without a route: those that fit but for the HTTP method
	visits int    // how many nodes of the tree were looked at
	err    error  // the path is malformed
}

// find looks a request up.
func (n *node) find(method, path string) match {
	if route, visits := n.literal(method, path); route != nil && len(route.rule.Template.Variables) == 0 {
		return match{route: route, visits: visits}
	}
	segments, err := splitPath(path)
	if err != nil {
		return match{err: err}
	}
	if base, verb, ok := segments.splitVerb(); ok {
		l := lookup{path: base, verb: verb, method: method}
		if route := l.below(n, 0); route != nil || len(l.others) > 0 {
			return match{route: route, path: base, others: l.others, visits: l.visits}
		}
	}
	l := lookup{path: segments, method: method}
	route := l.below(n, 0)
	return match{route: route, path: segments, others: l.others, visits: l.visits}
}

// allowed lists the HTTP methods that would have had a route.
func (m match) allowed() string {
	var methods []string
	for _, leaf := range m.others {
		for method := range leaf {
			methods = append(methods, method)
			if method == "GET" {
				methods = append(methods, "HEAD")
			}
		}
	}
	slices.Sort(methods)
	return strings.Join(slices.Compact(methods), ", ")
}

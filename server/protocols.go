// SPDX-License-Identifier: Apache-2.0

package server

import (
	"slices"
	"strings"

	"github.com/farcall/farcall"
)

// Protocols says which protocols the server does not speak, on all its listeners and as an http.Handler. A request in one
// of these is a REST route's or HTTPHandler's if it can be; otherwise it is refused in the form of its own protocol, with
// UNIMPLEMENTED and what is spoken instead. The zero value leaves none out. Calls of Local are none of this.
type Protocols struct {
	WithoutGRPC, WithoutGRPCWeb, WithoutConnect bool
	// WithoutREST leaves WebSockets and the pages of OpenAPI out as well.
	WithoutREST bool
}

// refusals are why the protocols are refused that a server does not speak; nil for those that it does.
type refusals struct {
	grpc, grpcWeb, connect, rest error
}

// refusals returns what the protocols that are left out are answered with.
func (p Protocols) refusals() (r refusals) {
	protocols := []struct {
		name    string
		leftOut bool
		refusal *error
	}{
		{"gRPC", p.WithoutGRPC, &r.grpc}, {"gRPC-Web", p.WithoutGRPCWeb, &r.grpcWeb},
		{"Connect", p.WithoutConnect, &r.connect}, {"REST", p.WithoutREST, &r.rest},
	}
	var names []string
	for _, protocol := range protocols {
		if !protocol.leftOut {
			names = append(names, protocol.name)
		}
	}
	instead := "none is"
	switch last := len(names) - 1; {
	case last > 0:
		instead = strings.Join(slices.Concat(names[:last-1], []string{names[last-1] + " and " + names[last]}), ", ") + " are"
	case last == 0:
		instead = names[0] + " is"
	}
	for _, protocol := range protocols {
		if protocol.leftOut {
			*protocol.refusal = farcall.Errorf(farcall.Unimplemented, "%s is not spoken here, %s: server.Options.Protocols says so", protocol.name, instead)
		}
	}
	return r
}

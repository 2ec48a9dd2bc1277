// SPDX-License-Identifier: Apache-2.0

// Command attacks harms servers in every way that HTTP/2 and gRPC are known to be harmed by, while a well-behaved client
// keeps calling, and says what that client has noticed. `make attacks` runs it and writes docs/security.md's table.
//
// A turn is four processes: this one, a server, its well-behaved client, and the attacker (attacker.go), who writes raw
// frames, is held to a share of a processor, and comes again when it is thrown out. What an attack sends is a script:
// resets.go, floods.go, empties.go, headers.go, windows.go, messages.go, handshakes.go, malformed.go, web.go and rest.go
// have one family each.
package main

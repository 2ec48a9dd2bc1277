// SPDX-License-Identifier: Apache-2.0

// Package schema holds services, methods and HTTP rules read from descriptors, and the path-template grammar.
//
// The authority for both is google/api/http.proto: what it says of rules is checked here, once, when a method is
// registered, so that whoever serves the routes meets only rules that can work.
package schema

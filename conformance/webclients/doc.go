// SPDX-License-Identifier: Apache-2.0

// Package webclients has the shop called by the clients that people use: curl, Connect's and gRPC's for Node, gRPC's for Python,
// and Connect's and gRPC's for browsers, from a page of another origin in a real one.
//
// The shop's documentation is opened in that browser as well, and its OpenAPI document judged.
//
// The programs are in the folder programs; what they need is pinned in its package-lock.json, and scripts/install has it.
package webclients

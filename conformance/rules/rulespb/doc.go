// SPDX-License-Identifier: Apache-2.0

// Package rulespb is the generated code of rules.proto: one method of each kind.
package rulespb

//go:generate env GOWORK=off go -C ../../../cmd run ./farcall generate ../conformance/rules/rulespb

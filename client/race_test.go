// SPDX-License-Identifier: Apache-2.0

//go:build race

package client_test

// The race detector makes pools forget, so that calls allocate more.
func init() { allowance = 3 }

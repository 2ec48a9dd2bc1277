// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/farcall/farcall/bench/systemtest"
)

func TestEdge(t *testing.T) { systemtest.RunEdge(t, system, systemtest.GRPC) }

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/farcall/farcall/bench/systemtest"
)

func TestSystem(t *testing.T) { systemtest.Run(t, system) }

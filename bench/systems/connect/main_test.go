// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/farcall/farcall/bench/systemtest"
)

func TestGRPC(t *testing.T) { systemtest.Run(t, grpcSystem) }

func TestConnect(t *testing.T) { systemtest.Run(t, connectSystem) }

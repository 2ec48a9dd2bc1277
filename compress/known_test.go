// SPDX-License-Identifier: Apache-2.0

//go:build !farcall_grpconly

package compress

import "testing"

func TestAlwaysKnown(t *testing.T) {
	if got := NewTable().Names(); got != "gzip,zstd,identity" {
		t.Errorf("known without being named: %s", got)
	}
}

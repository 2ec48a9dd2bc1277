// SPDX-License-Identifier: Apache-2.0

//go:build farcall_grpconly

package compress

import "testing"

func TestZstdIsKnownWhereItIsNamed(t *testing.T) {
	if got := NewTable().Names(); got != "gzip,identity" {
		t.Errorf("known without being named: %s", got)
	}
	if NewTable(Zstd).Find("zstd") != Zstd {
		t.Error("zstd is not found where it is named")
	}
}

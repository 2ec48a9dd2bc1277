// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package compare

import (
	"errors"
	"time"
)

func cpuTime() (time.Duration, error) {
	return 0, errors.New("the CPU time of a process cannot be measured on this system: getrusage is missing")
}

// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strconv"
	"time"
)

// largestTimeout is the largest number that grpc-timeout has room for: eight digits.
const largestTimeout = 99_999_999

// longestTimeout is what any longer timeout becomes: a deadline that far away still fits into nanoseconds since 1970.
const longestTimeout = 100 * 365 * 24 * time.Hour

// timeoutUnits are the units of grpc-timeout, the finest first.
var timeoutUnits = [...]struct {
	letter byte
	length time.Duration
}{
	{'n', time.Nanosecond}, {'u', time.Microsecond}, {'m', time.Millisecond},
	{'S', time.Second}, {'M', time.Minute}, {'H', time.Hour},
}

// AppendTimeout appends the value of grpc-timeout: at most eight digits and the finest unit that has room for d. It
// rounds up, so that the server never gives up before the caller; nothing left is "1n", since the number must be positive.
func AppendTimeout(dst []byte, d time.Duration) []byte {
	d = max(d, 1)
	for _, unit := range timeoutUnits {
		count := int64(d / unit.length)
		if d%unit.length != 0 {
			count++
		}
		if count <= largestTimeout {
			return append(strconv.AppendInt(dst, count, 10), unit.letter)
		}
	}
	return append(dst, "99999999H"...) // not reached: the longest Duration has 2,562,048 hours
}

// ParseTimeout reads the value of grpc-timeout. A timeout of more than a century becomes a century. Zero is allowed,
// since peers send it for a deadline that has passed.
func ParseTimeout(value string) (time.Duration, error) {
	if len(value) < 2 || len(value) > 9 {
		return 0, malformedTimeout(value)
	}
	var count int64
	for _, digit := range []byte(value[:len(value)-1]) {
		if digit < '0' || digit > '9' {
			return 0, malformedTimeout(value)
		}
		count = count*10 + int64(digit-'0')
	}
	for _, unit := range timeoutUnits {
		if unit.letter != value[len(value)-1] {
			continue
		}
		if count > int64(longestTimeout/unit.length) {
			return longestTimeout, nil
		}
		return time.Duration(count) * unit.length, nil
	}
	return 0, malformedTimeout(value)
}

func malformedTimeout(value string) error {
	return fmt.Errorf("grpc-timeout %q is malformed: one to eight digits and one of the units H, M, S, m, u, n are expected",
		clip(value))
}

// clip shortens what a peer sent so that it can stand in a message.
func clip(value string) string {
	const most = 100
	if len(value) <= most {
		return value
	}
	return value[:most] + "…"
}

// SPDX-License-Identifier: Apache-2.0

package money

import (
	"strconv"
	"strings"
)

// String returns the amount for people: "28.00 EUR", with at least two decimals and no more than it needs.
func (a Amount) String() string {
	var text strings.Builder
	if a.Sign() < 0 {
		text.WriteByte('-')
	}
	text.WriteString(strconv.FormatUint(magnitude(a.Units), 10))
	nanos := strconv.FormatUint(magnitude(int64(a.Nanos)), 10)
	decimals := strings.Repeat("0", max(0, 9-len(nanos))) + nanos
	for len(decimals) > 2 && decimals[len(decimals)-1] == '0' {
		decimals = decimals[:len(decimals)-1]
	}
	text.WriteByte('.')
	text.WriteString(decimals)
	if a.Currency != "" {
		text.WriteByte(' ')
		text.WriteString(a.Currency)
	}
	return text.String()
}

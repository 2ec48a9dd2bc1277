// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/farcall/farcall"
)

// StepTime is when a server reached a step, for the caller that asked with the header farcall-step-times.
type StepTime struct {
	Step  farcall.Step
	Since time.Duration // since StepReceiveRequest
	Bytes int
}

// maxStepTimes bounds the list both ways.
const maxStepTimes = 64

// AppendStepTimes appends the value of the trailer farcall-step-times: "6=0/91,7=1200/91", each being
// step=nanoseconds/bytes. Only the first 64 are taken.
func AppendStepTimes(dst []byte, times []StepTime) []byte {
	for i, t := range times[:min(len(times), maxStepTimes)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendUint(dst, uint64(t.Step), 10), '=')
		dst = append(strconv.AppendInt(dst, int64(max(t.Since, 0)), 10), '/')
		dst = strconv.AppendInt(dst, int64(max(t.Bytes, 0)), 10)
	}
	return dst
}

// ParseStepTimes reads what AppendStepTimes wrote. It is for showing, so what cannot be read, or is not a step of a
// server, is left out.
func ParseStepTimes(value string) []StepTime {
	var times []StepTime
	for value != "" && len(times) < maxStepTimes {
		var entry string
		entry, value, _ = strings.Cut(value, ",")
		if t, ok := parseStepTime(strings.TrimSpace(entry)); ok {
			times = append(times, t)
		}
	}
	return times
}

func parseStepTime(entry string) (StepTime, bool) {
	step, rest, ok := strings.Cut(entry, "=")
	if !ok {
		return StepTime{}, false
	}
	since, bytes, ok := strings.Cut(rest, "/")
	if !ok {
		return StepTime{}, false
	}
	number, err := strconv.ParseUint(step, 10, 8)
	if err != nil || farcall.Step(number) < farcall.StepReceiveRequest || farcall.Step(number) > farcall.StepSendResponse {
		return StepTime{}, false
	}
	nanoseconds, err := strconv.ParseUint(since, 10, 63)
	if err != nil {
		return StepTime{}, false
	}
	size, err := strconv.ParseUint(bytes, 10, 63)
	if err != nil || size > math.MaxInt {
		return StepTime{}, false
	}
	return StepTime{Step: farcall.Step(number), Since: time.Duration(nanoseconds), Bytes: int(size)}, true
}

// SPDX-License-Identifier: Apache-2.0

package bill

import (
	"fmt"

	"github.com/farcall/farcall"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Violations collects what is wrong with a request, so that its sender learns of everything at once. The zero value is
// empty and ready.
type Violations struct {
	found []*errdetails.BadRequest_FieldViolation
	more  int
}

// mostViolations bounds an error's size: a thousand wrong items need no thousand sentences.
const mostViolations = 10

// Add notes that the field, written as a path such as "items[0].quantity", is wrong.
func (v *Violations) Add(field, format string, arguments ...any) {
	if len(v.found) == mostViolations {
		v.more++
		return
	}
	v.found = append(v.found, &errdetails.BadRequest_FieldViolation{Field: field, Description: fmt.Sprintf(format, arguments...)})
}

// Text notes it if a field's text is longer than most bytes.
func (v *Violations) Text(field, text string, most int) {
	if len(text) > most {
		v.Add(field, "must have at most %d bytes, not %d", most, len(text))
	}
}

// Any says whether anything was noted.
func (v *Violations) Any() bool { return len(v.found) > 0 }

// Err returns nil if nothing was noted, and otherwise INVALID_ARGUMENT: the first violation is the message, all are in
// the google.rpc.BadRequest detail.
func (v *Violations) Err() error {
	if !v.Any() {
		return nil
	}
	message := fmt.Sprintf("%s: %s", v.found[0].Field, v.found[0].Description)
	if others := len(v.found) - 1 + v.more; others > 0 {
		message += fmt.Sprintf(" (and %d more)", others)
	}
	return farcall.NewError(farcall.InvalidArgument, message, &errdetails.BadRequest{FieldViolations: v.found})
}

// SPDX-License-Identifier: Apache-2.0

package bill

import "strings"

// CheckCard notes what is wrong with a card's token. The token itself is never repeated in an error.
func CheckCard(token string, wrong *Violations) {
	switch {
	case token == "":
		wrong.Add("card_token", "is missing: name the card that pays, such as tok_visa_4242")
	case !strings.HasPrefix(token, "tok_"):
		wrong.Add("card_token", "must be the bank's token for a card, such as tok_visa_4242")
	}
	wrong.Text("card_token", token, MostTextBytes)
}

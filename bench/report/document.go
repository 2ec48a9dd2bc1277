// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/farcall/farcall/bench/outcome"
)

// block is a part of a document that is made of results: between these two lines.
var block = regexp.MustCompile(`(?s)<!-- bench: ([^>]*?) -->\n.*?<!-- /bench -->`)

// Fill returns the document with every block made anew. A block is named "conditions", "goals", "still", "profiles", or after a
// section and its cell, as in "unary charge-64".
func Fill(document string, r *outcome.Results) (string, error) {
	var failure error
	filled := block.ReplaceAllStringFunc(document, func(old string) string {
		name := block.FindStringSubmatch(old)[1]
		content, err := blockOf(name, r)
		if err != nil {
			failure = err
			return old
		}
		return fmt.Sprintf("<!-- bench: %s -->\n\n%s\n\n<!-- /bench -->", name, strings.TrimSpace(content))
	})
	return filled, failure
}

func blockOf(name string, r *outcome.Results) (string, error) {
	switch name {
	case "conditions":
		return Conditions(r), nil
	case "goals":
		return Goals(r), nil
	case "profiles":
		return Profiles(r), nil
	case "still":
		return strings.ReplaceAll(still(r), "]("+idlePicture, "](../bench/results/"+idlePicture), nil
	}
	section, cell, _ := strings.Cut(name, " ")
	measured, ok := r.Section(section)
	if !ok {
		return "", fmt.Errorf("the results have no section %q for the document's block %q: run all parts", section, name)
	}
	found, ok := measured.Find(cell)
	if !ok {
		return "", fmt.Errorf("section %s has no cell %q for the document's block %q", section, cell, name)
	}
	return headline(found) + "\n\n" + Table(found), nil
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/plan"
)

// block is a part of a document that is made of results: between these two lines.
var block = regexp.MustCompile(`(?s)<!-- bench: ([^>]*?) -->\n.*?<!-- /bench -->`)

// unmeasured stands in a block for figures that the results have not.
const unmeasured = "Not measured yet: `make bench` fills this in."

// Fill returns the document with every block made anew. A block is named "conditions", "goals", "still", "profiles", or after a
// section and its cell, as in "unary charge-64"; a section about a setting has one block. What is planned and was not measured says so.
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
	planned, ok := plan.FindSection(section)
	if !ok {
		return "", fmt.Errorf("the plan has no section %q for the document's block %q", section, name)
	}
	measured, done := r.Section(section)
	if cell == "" && settings[section] != nil {
		if !done {
			return unmeasured, nil
		}
		return settings[section](measured), nil
	}
	if _, ok := planned.Find(cell); !ok {
		return "", fmt.Errorf("section %s has no cell %q for the document's block %q", section, cell, name)
	}
	found, done := measured.Find(cell)
	if !done {
		return unmeasured, nil
	}
	return headline(found) + "\n\n" + Table(found), nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"

	"github.com/farcall/farcall/bench/outcome"
	"github.com/farcall/farcall/bench/report"
)

// resultsFile is the results' name in their folder.
const resultsFile = "results.json"

// runPage makes the pages anew from results that are there.
func runPage(_ context.Context, arguments []string, _ io.Writer, _ builder) error {
	flags := flag.NewFlagSet("bench page", flag.ContinueOnError)
	folder := flags.String("out", "results", "`folder` of the results")
	document := flags.String("document", "../docs/performance.md", "`file` whose blocks are filled; empty for none")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	results, err := outcome.Read(filepath.Join(*folder, resultsFile))
	if err != nil {
		return err
	}
	return writePages(results, *folder, *document)
}

// writePages writes the report and its pictures into the folder, and fills the document.
func writePages(results *outcome.Results, folder, document string) error {
	for name, svg := range report.Pictures(results) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(report.Page(results)), 0o644); err != nil {
		return err
	}
	if document == "" {
		return nil
	}
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	filled, err := report.Fill(string(content), results)
	if err != nil {
		return err
	}
	return os.WriteFile(document, []byte(filled), 0o644)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/token"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/unitchecker"
	"golang.org/x/tools/go/packages"

	"github.com/farcall/farcall/cmd/internal/misuse"
)

const vetHelp = `Vet finds two mistakes that Go accepts: a loop over a stream that leaves its error
out, so that a call that failed looks like one that had no more messages; and a
streaming call whose result nobody ranges, so that it never starts. It prints a
line for each, and then fails.

PACKAGES are named as for go build, and without any it is the one of the current
directory. Tests are looked at too.

The command is also a tool for go vet, which then remembers the packages that
have not changed:

  go vet -vettool=$(which farcall) ./...`

func newVetCommand() *cobra.Command {
	var tags string
	command := &cobra.Command{
		Use:     "vet PACKAGES...",
		Short:   "Find streams whose error is dropped",
		Long:    vetHelp,
		Example: "  farcall vet ./...",
		RunE: func(command *cobra.Command, patterns []string) error {
			return vet(command.Context(), tags, patterns)
		},
	}
	command.Flags().StringVar(&tags, "tags", "", "build tags, with commas between them")
	return command
}

// vet returns an error with a line for each finding, or for each thing that is in the way of looking.
func vet(ctx context.Context, tags string, patterns []string) error {
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	config := &packages.Config{
		Context: ctx,
		Mode:    packages.LoadSyntax | packages.NeedModule, // the analyzer wants nothing of dependencies but their types
		Tests:   true,
	}
	if tags != "" {
		config.BuildFlags = []string{"-tags=" + tags}
	}
	loaded, err := packages.Load(config, patterns...)
	if err != nil {
		return fmt.Errorf("cannot load %s: %w", strings.Join(patterns, " "), err)
	}
	if len(loaded) == 0 {
		return fmt.Errorf("%s matched no packages", strings.Join(patterns, " "))
	}
	if err := loadErrors(loaded); err != nil {
		return err
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{misuse.Analyzer}, loaded, nil)
	if err != nil {
		return err
	}
	return findings(graph)
}

// loadErrors returns what keeps the packages from being analyzed: they, or what they import, do not exist or do not
// compile.
func loadErrors(loaded []*packages.Package) error {
	var lines []string
	packages.Visit(loaded, nil, func(visited *packages.Package) {
		// What the compiler says about a package comes a second time, in one piece, from the go command.
		located := slices.ContainsFunc(visited.Errors, func(e packages.Error) bool { return e.Kind != packages.ListError })
		for _, problem := range visited.Errors {
			switch {
			case located && problem.Kind == packages.ListError:
			case problem.Pos == "" || problem.Pos == "-":
				lines = append(lines, problem.Msg)
			default:
				lines = append(lines, fromHere(problem.Pos)+": "+problem.Msg)
			}
		}
	})
	return onePerLine(lines)
}

// findings returns what the analyzer reported.
func findings(graph *checker.Graph) error {
	type finding struct {
		at      token.Position
		message string
	}
	var found []finding
	for _, action := range graph.Roots {
		if action.Err != nil {
			return fmt.Errorf("%s: %w", action.Package.PkgPath, action.Err)
		}
		for _, diagnostic := range action.Diagnostics {
			at := action.Package.Fset.Position(diagnostic.Pos)
			at.Filename = fromHere(at.Filename)
			found = append(found, finding{at, diagnostic.Message})
		}
	}
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.at.Filename, b.at.Filename), a.at.Offset-b.at.Offset)
	})
	var lines []string
	for _, finding := range found {
		lines = append(lines, fmt.Sprintf("%s: %s", finding.at, finding.message))
	}
	return onePerLine(lines)
}

// onePerLine returns lines as an error, each once: a package is loaded with its tests and also without. With no lines it
// returns nil.
func onePerLine(lines []string) error {
	seen := make(map[string]bool)
	var once []error
	for _, line := range lines {
		if !seen[line] {
			seen[line] = true
			once = append(once, errors.New(line))
		}
	}
	return errors.Join(once...)
}

// serveGoVet is the command's other main: go vet calls its tool with flags and files of its own. It returns only if the
// command was not called by go vet.
func serveGoVet() {
	if byGoVet(os.Args[1:]) {
		unitchecker.Main(misuse.Analyzer)
	}
}

// byGoVet recognizes what "go vet" calls its tool with: a question about the tool, or flags and the description of a
// package.
func byGoVet(arguments []string) bool {
	if len(arguments) == 0 {
		return false
	}
	last := len(arguments) - 1
	if last == 0 && (arguments[0] == "-V=full" || arguments[0] == "-flags") {
		return true
	}
	for _, argument := range arguments[:last] {
		if !strings.HasPrefix(argument, "-") {
			return false
		}
	}
	return strings.HasSuffix(arguments[last], ".cfg")
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/farcall/farcall/cmd/internal/breaking"
	"github.com/farcall/farcall/cmd/internal/compile"
	"github.com/farcall/farcall/cmd/internal/config"
	"github.com/farcall/farcall/cmd/internal/history"
)

// compare warns of what has changed in a directory since the revision, and breaks others.
func (r *generation) compare(ctx context.Context, input config.Input, now *compile.Result) error {
	revision, err := history.Open(ctx, input.Directory, r.against)
	if err != nil {
		return err
	}
	defer revision.Close()
	directory, any, err := revision.Lay(ctx, input.Directory)
	if err != nil || !any { // all of it is new
		return err
	}
	var roots []string
	for _, root := range input.Roots {
		laid, _, err := revision.Lay(ctx, root)
		if err != nil {
			return err
		}
		roots = append(roots, laid)
	}
	before, err := compile.Directory(ctx, directory, compile.Options{
		Roots: roots, Modules: input.Modules, ModuleDirectory: input.Directory, AnyGoPackage: true,
	})
	var mistakes compile.Mistakes
	if errors.As(err, &mistakes) {
		for i := range mistakes {
			mistakes[i].File = fromHere(revision.Original(mistakes[i].File))
		}
	}
	if err != nil {
		return fmt.Errorf("the .proto files of %s do not compile, so changes cannot be judged:\n%w", r.against, err)
	}
	for _, change := range breaking.Compare(before.Files, now.Files) {
		r.breaking++
		place := compile.Mistake{
			File: now.OnDisk(change.File), Line: change.Line, Column: change.Column,
			Message: fmt.Sprintf("%s: %s", change.Severity, change.Message),
		}
		if change.Gone {
			place.File = fromHere(revision.Original(before.OnDisk(change.File)))
		}
		fmt.Fprintln(r.stderr, place)
	}
	return nil
}

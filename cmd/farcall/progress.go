// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// stepsOfAFile is how often a file counts: when it is parsed, linked and generated.
const stepsOfAFile = 3

// progress shows how far a long run is, on a terminal only. Short runs show nothing.
type progress struct {
	bar   *progressbar.ProgressBar // nil for none
	steps int
	begun time.Time
}

// patience is how long nothing is shown.
const patience = 500 * time.Millisecond

func newProgress(to io.Writer) *progress {
	file, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return &progress{}
	}
	return &progress{begun: time.Now(), bar: progressbar.NewOptions(1, progressbar.OptionSetWriter(file), progressbar.OptionSetVisibility(false),
		progressbar.OptionSetDescription("generating"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionSetWidth(30), progressbar.OptionShowCount())}
}

// grow says that there are so many files more.
func (p *progress) grow(files int) {
	if p.bar != nil {
		p.steps += stepsOfAFile * files
		p.bar.ChangeMax(p.steps)
	}
}

// add says that so many files are one step further.
func (p *progress) add(files int) {
	if p.bar == nil {
		return
	}
	if time.Since(p.begun) > patience {
		progressbar.OptionSetVisibility(true)(p.bar)
	}
	_ = p.bar.Add(files) // a terminal that takes nothing is not worth failing for
}

// clear takes the bar away, for a line of text.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// finish takes the bar away for good.
func (p *progress) finish() {
	p.clear()
	p.bar = nil
}

// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The lines between which the journey stands in the README, and the picture's file.
const (
	beginMarker = "<!-- journey:begin -->"
	endMarker   = "<!-- journey:end -->"
	pictureFile = "journey.svg"
)

// WriteDocs runs the journey, writes it into the README between its markers, and the picture into the directory. What
// it writes is the same as long as the journey is.
func WriteDocs(ctx context.Context, readme, directory string) error {
	record, err := Run(ctx)
	if err != nil {
		return err
	}
	section, err := record.section()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	changed, err := replaceBetween(old, section)
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, pictureFile), record.Picture(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(readme, changed, 0o644)
}

// section is what stands between the markers.
func (r *Record) section() (string, error) {
	var text strings.Builder
	text.WriteString("```text\n")
	if err := r.Print(&text, true); err != nil {
		return "", err
	}
	text.WriteString("```\n")
	return text.String(), nil
}

// replaceBetween puts section in the place of what stands between the markers.
func replaceBetween(readme []byte, section string) ([]byte, error) {
	before, rest, hasBegin := bytes.Cut(readme, []byte(beginMarker+"\n"))
	_, after, hasEnd := bytes.Cut(rest, []byte(endMarker))
	if !hasBegin || !hasEnd {
		return nil, fmt.Errorf("the lines %s and %s are missing: the journey is written between them", beginMarker, endMarker)
	}
	return fmt.Appendf(nil, "%s%s\n%s%s%s", before, beginMarker, section, endMarker, after), nil
}

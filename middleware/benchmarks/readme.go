package main

import (
	"fmt"
	"os"
	"strings"
)

// The figures in README.md stand between these lines.
const (
	beginMark = "<!-- figures: written by go run . -write -->\n"
	endMark   = "<!-- end of figures -->\n"
)

// rewrite replaces what stands between the marks of a file.
func rewrite(path, figures string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return fmt.Errorf("%s: the lines that mark the place for the figures are missing", path)
	}
	text := before + beginMark + "\n" + strings.TrimSpace(figures) + "\n\n" + endMark + after
	return os.WriteFile(path, []byte(text), 0o644)
}

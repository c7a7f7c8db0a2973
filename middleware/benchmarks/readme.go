package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A place is a part of a file between two lines that mark it.
type place struct{ path, begin, end string }

var (
	// allFigures is in the README of this module.
	allFigures = place{"README.md", "<!-- figures: written by go run . -write -->\n", "<!-- end of figures -->\n"}
	// someFigures is in the README of the repository.
	someFigures = place{
		filepath.Join("..", "..", "README.md"), "<!-- speed: written by middleware/benchmarks -->\n", "<!-- end of speed -->\n",
	}
)

// write replaces the text at the place.
func (p place) write(figures string) error {
	before, _, after, err := p.cut()
	if err != nil {
		return err
	}
	text := before + p.begin + "\n" + strings.TrimSpace(figures) + "\n\n" + p.end + after
	return os.WriteFile(p.path, []byte(text), 0o644)
}

func (p place) cut() (before, figures, after string, err error) {
	text, err := os.ReadFile(p.path)
	if err != nil {
		return "", "", "", err
	}
	before, rest, begins := strings.Cut(string(text), p.begin)
	figures, after, ends := strings.Cut(rest, p.end)
	if !begins || !ends {
		return "", "", "", fmt.Errorf("%s: no %q followed by %q", p.path, p.begin, p.end)
	}
	return before, figures, after, nil
}

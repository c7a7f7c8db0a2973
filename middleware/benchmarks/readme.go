package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A place is where in a file figures stand: between two lines of their own.
type place struct{ path, begin, end string }

var (
	// allFigures are in this module's README.
	allFigures = place{"README.md", "<!-- figures: written by go run . -write -->\n", "<!-- end of figures -->\n"}
	// someFigures are in the README of the repository.
	someFigures = place{
		filepath.Join("..", "..", "README.md"), "<!-- speed: written by middleware/benchmarks -->\n", "<!-- end of speed -->\n",
	}
)

// read returns what stands there.
func (p place) read() (string, error) {
	_, figures, _, err := p.cut()
	return figures, err
}

// write replaces what stands there.
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
		return "", "", "", fmt.Errorf("%s: the lines that mark the place for the figures are missing", p.path)
	}
	return before, figures, after, nil
}

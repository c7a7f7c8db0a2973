package middleware_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Every block of Go in the README is compiled and run in examples/readme, and every snippet
// there is in the README. Only the indentation may differ. The test is in this module because
// go test does not see changed files of other modules.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(readme), "```go\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, flat(block))
	}
	snippets := compiled(t)
	for _, block := range blocks {
		if !slices.Contains(snippets, block) {
			t.Errorf("in the README, but not compiled here:\n%s", block)
		}
	}
	for _, snippet := range snippets {
		if !slices.Contains(blocks, snippet) {
			t.Errorf("compiled here, but not in the README:\n%s", snippet)
		}
	}
}

// Depth belongs to the documentation of the packages. The first page must be read at once.
func TestREADMEIsShort(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	for line := range strings.Lines(string(readme)) {
		number++
		if columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); columns > 120 {
			t.Errorf("line %d has %d columns", number, columns)
		}
	}
	if number > 250 {
		t.Errorf("%d lines", number)
	}
}

// An interactive zsh takes # and what follows as arguments: go get then fails.
func TestCommandsOfThePagesHaveNoComments(t *testing.T) {
	commands := 0
	for _, pattern := range []string{"../*.md", "../examples/*/*.md", "*/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range strings.Split(string(text), "```sh\n")[1:] {
				block, _, _ := strings.Cut(part, "```")
				for command := range strings.Lines(block) {
					commands++
					if strings.Contains(command, "#") {
						t.Errorf("%s: %s", page, command)
					}
				}
			}
		}
	}
	if commands == 0 {
		t.Error("no command was found")
	}
}

// compiled returns the snippets between the markers, and the program.
func compiled(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../examples/readme/*.go")
	if err != nil || len(files) == 0 {
		t.Skip("the examples are not here: a module in the cache has no nested modules")
	}
	var snippets []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(file) == "main.go" {
			_, program, _ := strings.Cut(string(text), "\n")
			snippets = append(snippets, flat(program))
			continue
		}
		for _, part := range strings.Split(string(text), "// README {\n")[1:] {
			snippet, _, _ := strings.Cut(part, "// README }")
			snippets = append(snippets, flat(snippet))
		}
	}
	return snippets
}

// flat removes indentation and the alignment of comments.
func flat(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

package middleware_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// CONTRIBUTING leads a reader through the code by file and function. Each one must be where it
// says. A name without a folder or a file is in the one that was named before it.
func TestCONTRIBUTINGNamesFunctionsThatExist(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this is not the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(?:([a-z0-9/]*/)?([a-z0-9]+\\.go):)([A-Za-z]+)`")
	folder, found := "", 0
	for _, match := range named.FindAllStringSubmatch(string(text), -1) {
		if match[1] != "" {
			folder = match[1]
		}
		file, function := path.Join("..", folder, match[2]), match[3]
		code, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		found++
		if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + function + `[\[(]`).Match(code) {
			t.Errorf("%s has no function %s", file, function)
		}
	}
	if found < 15 {
		t.Errorf("found only %d functions", found)
	}
}

// A command of SECURITY, README or CONTRIBUTING that selects tests must find some in each of
// its packages. go test itself passes if a pattern matches no test.
func TestDocumentedCommandsFindTests(t *testing.T) {
	if len(nestedModules(t, moduleRoot(t))) == 0 {
		t.Skip("no nested modules, which the commands name: this is not the repository")
	}
	command := regexp.MustCompile("go (?:-C ([a-z/]+) )?test (?:-v )?-run '?([^' ]+)'? (?:-v )?([./a-z ]+)")
	found := 0
	for _, document := range []string{"../SECURITY.md", "../README.md", "../CONTRIBUTING.md"} {
		text, err := os.ReadFile(document)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("this is not the repository")
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range command.FindAllStringSubmatch(string(text), -1) {
			pattern, err := regexp.Compile(match[2])
			if err != nil || match[2] == "^$" {
				continue // it selects benchmarks or fuzz targets
			}
			found++
			for folder := range strings.FieldsSeq(match[3]) {
				if !hasTest(t, path.Join("..", match[1], folder), pattern) {
					t.Errorf("%s: %q matches no test in %s", document, match[2], folder)
				}
			}
		}
	}
	if found < 8 {
		t.Errorf("found only %d commands", found)
	}
}

func hasTest(t *testing.T, folder string, pattern *regexp.Regexp) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(code, -1) {
			if pattern.Match(test[1]) {
				return true
			}
		}
	}
	return false
}

package migrate_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

// The tests of this file hold README.md equal to the code and its answers.

const page, comparison = "README.md", "COMPARISON.md"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// compareSection compares what stands between two markers of a page with the text, or
// writes it.
func compareSection(t *testing.T, name, section, want string) {
	t.Helper()
	text := read(t, name)
	begin, end := "<!-- "+section+" -->\n\n", "\n<!-- end of "+section+" -->"
	before, rest, found := strings.Cut(text, begin)
	require.True(t, found, "%s has no section %s", name, section)
	got, after, found := strings.Cut(rest, end)
	require.True(t, found, "%s: section %s has no end", name, section)
	if *requests.Write && got != want {
		require.NoError(t, os.WriteFile(name, []byte(before+begin+want+end+after), 0o644))
		return
	}
	assert.Equal(t, want, got, "to write it: go test . -write")
}

func TestGoOnThePageIsCompiled(t *testing.T) {
	var files []string
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".go" {
			files = append(files, "\n"+flat(read(t, path))+"\n")
		}
		return err
	})
	require.NoError(t, err)
	blocks := strings.Split(read(t, page), "```go\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		code = "\n" + flat(code) + "\n"
		assert.True(t, slices.ContainsFunc(files, func(file string) bool {
			return strings.Contains(file, code)
		}), "on the page, but in no Go file:%s", code)
	}
}

func TestCompiledSnippetsAreOnThePage(t *testing.T) {
	text := flat(read(t, page))
	for _, name := range []string{"snippets_test.go", "cookie_test.go", "ownclaims_test.go", "dpop_test.go"} {
		for _, part := range strings.Split(read(t, name), "// PAGE {\n")[1:] {
			snippet, _, _ := strings.Cut(part, "// PAGE }")
			assert.Contains(t, text, flat(snippet))
		}
	}
}

// flat removes indentation, the alignment of comments, and the marks of snippets.
func flat(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		line = strings.Join(strings.Fields(line), " ")
		if !strings.HasPrefix(line, "// PAGE ") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

var names = map[requests.Library]string{
	requests.Auth0:     "auth0/go-jwt-middleware v3.1.0",
	requests.GolangJWT: "golang-jwt/jwt v5.3.1, MicahParks/keyfunc v3.9.2",
	requests.GoOIDC:    "coreos/go-oidc v3.21.0",
	requests.JWX:       "lestrrat-go/jwx v3.4.0",
	requests.JWTAuth:   "go-chi/jwtauth v5.3.3",
	requests.EchoJWT:   "labstack/echo-jwt v5.0.1, keyfunc v3.9.2",
}

func TestLinesOnThePage(t *testing.T) {
	var table strings.Builder
	table.WriteString("| from | lines before | lines after | modules before | modules after |\n|---|--:|--:|--:|--:|\n")
	for _, library := range requests.Libraries() {
		before, after := filepath.Join(string(library), "before"), filepath.Join(string(library), "after")
		fmt.Fprintf(&table, "| [%s](%s) | %d | %d | %d | %d |\n", names[library], library,
			lines(t, before), lines(t, after), modules(t, before), modules(t, after))
	}
	compareSection(t, page, "lines", table.String())
}

func TestProgramsHave50To100LinesBefore(t *testing.T) {
	for _, library := range requests.Libraries() {
		n := lines(t, filepath.Join(string(library), "before"))
		assert.True(t, 50 <= n && n <= 100, "%s: %d", library, n)
	}
}

func lines(t *testing.T, dir string) int {
	t.Helper()
	return strings.Count(read(t, filepath.Join(dir, "main.go")), "\n")
}

// modules returns how many modules are compiled into a program, without its own.
func modules(t *testing.T, dir string) int {
	t.Helper()
	format := "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, "./"+dir).Output()
	require.NoError(t, err)
	found := strings.Fields(string(out))
	slices.Sort(found)
	return len(slices.Compact(found))
}

// TestVersionsOnThePages keeps the names of the libraries equal to go.mod.
func TestVersionsOnThePages(t *testing.T) {
	mod, versions := read(t, "go.mod"), read(t, comparison)
	version := regexp.MustCompile(`(\S+) (v[\d.]+)`)
	for _, name := range names {
		for _, found := range version.FindAllStringSubmatch(name, -1) {
			assert.Regexp(t, regexp.QuoteMeta(found[1])+`(/v\d)? `+regexp.QuoteMeta(found[2])+`\n`, mod)
			assert.True(t, strings.Contains(versions, found[0]), "%s does not compare %s", comparison, found[0])
		}
	}
}

func TestLinksOfThePages(t *testing.T) {
	link, code := regexp.MustCompile(`\]\(([^)\s]+)\)`), regexp.MustCompile("`[^`]*`")
	for _, name := range []string{page, comparison} {
		text := code.ReplaceAllString(read(t, name), "")
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(found[1], "https://") {
				continue
			}
			target, anchor, _ := strings.Cut(found[1], "#")
			if target == "" {
				target = name
			}
			_, err := os.Stat(filepath.FromSlash(target))
			require.NoError(t, err, name)
			if anchor != "" {
				assert.Contains(t, anchors(read(t, target)), anchor, name)
			}
		}
	}
}

// anchors returns the anchors of the headings of a page.
func anchors(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			slug := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			found = append(found, strings.ReplaceAll(slug, " ", "-"))
		}
	}
	return found
}

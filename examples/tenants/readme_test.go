package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(text)
}

func TestFileOfTheREADME(t *testing.T) {
	const marker = "<!-- issuerfile/testdata/issuers.json -->\n```json\n"
	_, rest, found := strings.Cut(readme(t), marker)
	require.True(t, found)
	shown, _, _ := strings.Cut(rest, "```\n")
	tested, err := os.ReadFile("issuerfile/testdata/issuers.json") // a test of issuerfile says what it means
	require.NoError(t, err)
	assert.Equal(t, string(tested), shown)
}

// The commands run in examples, where a file of theirs must be.
func TestFilesOfTheCommandsExist(t *testing.T) {
	files := regexp.MustCompile(`[\w/]+\.json( |\n)`).FindAllString(readme(t)[:strings.Index(readme(t), "<!--")], -1)
	require.Len(t, files, 2)
	for _, file := range files {
		assert.FileExists(t, "../"+strings.TrimSpace(file))
	}
}

// Each list of issuers that fits on a line, as in the ConfigMap, is accepted.
func TestShortFilesOfTheREADMEAreAccepted(t *testing.T) {
	lists := regexp.MustCompile(`\[\{"url".*\}\]`).FindAllString(readme(t), -1)
	require.Len(t, lists, 2)
	for _, list := range lists {
		_, err := issuerfile.Parse([]byte(list))
		assert.NoError(t, err, list)
	}
}

func TestMistakesOfTheREADME(t *testing.T) {
	_, err := issuerfile.Parse([]byte(`[
		{"url": "https://a.example/", "audiences": []},
		{"url": "https://b.example/", "audiences": ["api"], "max_lifetime": "0s"},
		{"preset": {"auth0": {"domain": "c.auth0.com", "audience": "api", "realm": "c"}}}
	]`))
	require.Error(t, err)
	assert.Contains(t, readme(t), "```\n"+err.Error()+"\n```\n")
}

// The comment of main.go and the README name every variable that is read, and every preset is in
// the README.
func TestSettingsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("config.go")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	comment, _, _ := strings.Cut(string(program), "package main")
	names := regexp.MustCompile(`getenv\("([A-Z_]+)"\)`).FindAllStringSubmatch(string(source), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		assert.Contains(t, comment, "//\t"+name[1]+" ")
	}
	_, err = issuerfile.Parse([]byte(`[{"preset": {"none": {"a": "b"}}}]`))
	require.Error(t, err)
	_, presets, _ := strings.Cut(err.Error(), "it can be ")
	for preset := range strings.SplitSeq(presets, ", ") {
		assert.Contains(t, readme(t), "`"+preset+"`")
	}
}

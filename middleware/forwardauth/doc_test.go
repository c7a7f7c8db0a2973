package forwardauth_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The lines of configuration in the documentation are those that the tests of the example run
// with real gateways.
func TestTheDocumentationHasTheConfigurations(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for file, first := range map[string]string{"nginx.conf": "location = /_auth {", "Caddyfile": "request_header -Upgrade"} {
		tested, err := os.ReadFile("../../examples/forwardauth/" + file)
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("the examples are not here: a module in the cache has no nested modules")
		}
		require.NoError(t, err)
		_, block, found := strings.Cut(string(doc), "//\t"+first)
		require.True(t, found, file)
		block, _, _ = strings.Cut(first+block, "\n//\n")
		lines := strings.Split(block, "\n")
		require.Greater(t, len(lines), 3)
		for _, line := range lines {
			assert.Contains(t, flat(string(tested)), flat(strings.TrimPrefix(line, "//")), file)
		}
	}
}

// flat removes the indentation.
func flat(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

package main

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryFlagIsDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	new(settings).flags().VisitAll(func(f *flag.Flag) {
		assert.Contains(t, usage, "\n  -"+f.Name+" ")
		assert.Contains(t, string(readme), "-"+f.Name)
	})
}

func TestEveryDocumentedFlagExists(t *testing.T) {
	flags := new(settings).flags()
	for line := range strings.Lines(usage) {
		if name, found := strings.CutPrefix(line, "  -"); found && !strings.HasPrefix(name, "h ") {
			assert.NotNil(t, flags.Lookup(strings.Fields(name)[0]), line)
		}
	}
}

func TestScopesAreBounded(t *testing.T) {
	require.NoError(t, checkScopes(make([]string, maxScopes)))
	require.Error(t, checkScopes(make([]string, maxScopes+1)))
	require.NoError(t, checkScopes([]string{strings.Repeat("x", maxScopeBytes)}))
	require.Error(t, checkScopes([]string{strings.Repeat("x", maxScopeBytes+1)}))
	for _, scope := range []string{"a b", "a\tb", `a"b`, `a\b`, "\u00e9", "\x7f", "a\nb"} {
		assert.Error(t, checkScopes([]string{scope}), "%q", scope)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// issuerRows are the rows that both ways have figures for, and those of Replace only.
var (
	issuerRows = []string{
		"memory of an issuer after it",
		"goroutines of all issuers after it", "first request of an issuer", "request with a token seen before",
	}
	replaceRows = []string{"memory of an issuer before its first request", "Replace that changes one issuer", "Replace that changes all issuers"}
)

func checkIssuers(t *testing.T, text string) {
	t.Helper()
	rows := rows(t, text)
	for _, name := range issuerRows {
		require.Len(t, rows[name], 2, name)
		for _, cell := range rows[name] {
			assert.NotContains(t, []string{"", "–", "0 B", "0s"}, cell, name)
		}
	}
	assert.Equal(t, []string{"0", "0"}, rows["goroutines of all issuers after it"], "P6 of package jwks")
	for _, name := range replaceRows {
		require.Len(t, rows[name], 2, name)
		assert.NotEqual(t, "–", rows[name][0], name)
		assert.Equal(t, "–", rows[name][1], name)
	}
}

func TestIssuersAtRunTime(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("README.md", []byte("before\n"+atRunTime.begin+atRunTime.end+"after\n"), 0o600))
	var printed strings.Builder
	const count = 120 // more than the places of tenants without a verified token
	require.NoError(t, reportIssuers(t.Context(), count, true, &printed))
	checkIssuers(t, printed.String())
	assert.Contains(t, printed.String(), "| 120 issuers |")
	written, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	assert.Equal(t, "before\n"+atRunTime.begin+"\n"+strings.TrimSpace(printed.String())+"\n\n"+atRunTime.end+"after\n", string(written))
}

func TestREADMEShowsIssuersAtRunTime(t *testing.T) {
	_, figures, _, err := atRunTime.cut()
	require.NoError(t, err)
	checkIssuers(t, figures)
	assert.Contains(t, figures, "| 10,000 issuers |")
}

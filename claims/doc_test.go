package claims_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The package page and the README list the same checks: their reasons must agree, in order.
func TestPackagePageListsTheChecksOfTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(readme), "## What is verified")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for row := range strings.Lines(section) {
		if cells := strings.Split(strings.ReplaceAll(row, "`", ""), "|"); len(cells) == 6 {
			want = append(want, strings.TrimSpace(cells[4]))
		}
	}
	require.Greater(t, len(want), 4)
	want = want[3 : len(want)-1] // without the head and the two checks of package middleware

	page, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "these checks in this order")
	require.True(t, found)
	var got []string
	for _, match := range regexp.MustCompile(`(?m)^//\t.*? ([a-z_]+(?:, [a-z_]+)*)$`).FindAllStringSubmatch(table, -1) {
		got = append(got, match[1])
	}
	assert.Equal(t, want, got)
}

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tool returns the path of a program of Prometheus.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%v: apt-get install prometheus", err)
	}
	t.Skipf("%v; to run this test: apt-get install prometheus", err)
	return ""
}

func TestAlertsFireAndClear(t *testing.T) {
	t.Parallel()
	promtool := tool(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		_, err := os.ReadFile(args[2]) // so that go test repeats the test when the file changes
		require.NoError(t, err)
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}

// alertNames returns the names of all alerts.
func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, found := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(alerts), -1) {
		names = append(names, found[1])
	}
	require.NotEmpty(t, names)
	return names
}

func TestEachAlertIsTestedAndExplained(t *testing.T) {
	tests, readme := read(t, "alerts_test.yml"), read(t, "README.md")
	for _, name := range alertNames(t) {
		has(t, tests, `{alertname="`+name+`"`, "it fires in a test")
		has(t, readme, "\n### "+name+"\n", "the README says what to do")
		has(t, string(alerts), "README.md#"+strings.ToLower(name)+"\n", "it leads there")
	}
	for _, part := range []string{"severity: ", "summary: ", "description: ", "runbook_url: "} {
		assert.Equal(t, len(alertNames(t)), strings.Count(string(alerts), "\n"+strings.Repeat(" ", 10)+part), part)
	}
}

func TestEachReasonIsExplained(t *testing.T) {
	readme := read(t, "README.md")
	for reason := range exposed(t)["bearerguard_verifications_total"]["error_type"] {
		has(t, readme, "`"+reason+"`", "the README says what it means")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// has is like assert.Contains, but does not print the text.
func has(t *testing.T, text, part, why string) {
	t.Helper()
	assert.True(t, strings.Contains(text, part), "missing: %s: %s", part, why)
}

package sharedtest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheDocumentationHasTheClients holds the code in the documentation of dpop.Shared to the code
// that the tests run.
func TestTheDocumentationHasTheClients(t *testing.T) {
	tested, err := os.ReadFile("clients_test.go")
	require.NoError(t, err)
	documented, err := os.ReadFile("../shared.go")
	require.NoError(t, err)
	functions := strings.Split(string(tested), "\n\treturn func(")[1:]
	require.Len(t, functions, 2)
	for _, function := range functions {
		body, _, found := strings.Cut(function, "\n}\n")
		require.True(t, found)
		lines := strings.Split("func("+body, "\n")
		for n, line := range lines {
			lines[n] = "//\t" + strings.TrimPrefix(line, "\t")
		}
		assert.Contains(t, string(documented), "\n"+strings.Join(lines, "\n")+"\n")
	}
}

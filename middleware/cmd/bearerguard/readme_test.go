package main

import (
	"flag"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// To write the report in the README anew: go test ./middleware/cmd/bearerguard -run README -update
var update = flag.Bool("update", false, "write the report in the README")

// The report in the README is what the command prints.
func TestREADMEShowsAReport(t *testing.T) {
	const begin, end = "<!-- sample -->\n", "<!-- end of sample -->"
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, _ := strings.Cut(string(readme), begin)
	sample, after, found := strings.Cut(rest, end)
	require.True(t, found)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at()))
		want := "\n```text\n" + sampleReport(t) + "```\n\n"
		if *update {
			require.NoError(t, os.WriteFile("README.md", []byte(before+begin+want+end+after), 0o600))
			return
		}
		assert.Equal(t, want, sample, "run this test with -update")
	})
}

// sampleReport is about a token for another API of the same issuer.
func sampleReport(t *testing.T) string {
	t.Helper()
	key := jwkstest.NewKey("ES256")
	key.ID = "2026-11"
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://tenant.eu.auth0.com/", Key: key})
	token := issuer.Token(map[string]any{
		"aud": "https://billing.example.com", "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
		"azp": "AbCdEf0123", "client_id": jwkstest.Absent, "jti": jwkstest.Absent, "email": "alice@example.com",
		"scope": "openid read:timesheets",
	})
	code, stdout, _ := explained(t, token, "-issuer", issuer.URL(), "-audience", "https://timesheets.example.com",
		"-jwks", keyFile(t, issuer))
	require.Equal(t, exitRefused, code)
	return stdout
}

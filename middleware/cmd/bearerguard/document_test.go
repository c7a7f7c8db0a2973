package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// The members of the document are a promise.
func TestJSON(t *testing.T) {
	token := signed(`{"alg":"ES256"}`, `{"exp":1796127780,"email":"a@b.example","\u202e":{"b":"\u202e"}}`)
	c := command{args: explainArgs("-json"), stdin: token, report: refusedFor("aud", "audience")}
	code, stdout, _ := c.run(t)
	assert.Equal(t, exitRefused, code)
	assert.Equal(t, `{
  "outcome": "refused",
  "exit_code": 1,
  "summary": "refused: audience (token is for another audience)",
  "deciding": "aud",
  "reason": "audience",
  "at": "2026-12-01T12:00:00Z",
  "issuer": "https://issuer.example.test/",
  "steps": [
    {
      "check": "iss",
      "result": "pass"
    },
    {
      "check": "aud",
      "result": "fail",
      "reason": "audience",
      "detail": "no audience of this API",
      "expected": "\"https://api.example\"",
      "received": "\"https://other.example\"",
      "standard": "RFC 7519 section 4.1.3",
      "hint": "Request a token for https://api.example."
    },
    {
      "check": "key",
      "result": "pass"
    },
    {
      "check": "signature",
      "result": "not_reached"
    }
  ],
  "header": [
    {
      "name": "alg",
      "value": "ES256"
    }
  ],
  "claims": [
    {
      "name": "exp",
      "value": 1796127780,
      "words": "2026-12-01 12:23:00 UTC, in 23 min"
    },
    {
      "name": "email",
      "value": "[redacted]"
    },
    {
      "name": "\u202e",
      "value": {
        "b": "\u202e"
      }
    }
  ],
  "signature_bytes": 64,
  "not_shown": []
}
`, stdout)
}

func TestJSONWithoutContents(t *testing.T) {
	c := command{args: explainArgs("-json"), stdin: "opaque", report: explain.Report{At: at()}}
	code, stdout, _ := c.run(t)
	var d document
	require.NoError(t, json.Unmarshal([]byte(stdout), &d))
	assert.Equal(t, code, d.ExitCode)
	assert.Equal(t, "undecided", d.Outcome)
	assert.Len(t, d.NotShown, 2)
	assert.NotContains(t, stdout, "null")
}

func TestJSONMembersAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, of := range []any{document{}, documentStep{}, documentMember{}} {
		for field := range reflect.TypeOf(of).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			assert.Contains(t, string(readme), "`"+name+"`")
		}
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims/explain"
)

func TestText(t *testing.T) {
	token := signed(`{"alg":"ES256"}`, `{"iss":"https://issuer.example.test/","exp":1796127780,"email":"a@b.example"}`)
	c := command{args: explainArgs(), stdin: token, report: refusedFor("aud", "audience")}
	_, stdout, _ := c.run(t)
	assert.Equal(t, `refused: audience (token is for another audience)

  pass         iss
  FAIL         aud               no audience of this API
               expected  "https://api.example"
               received  "https://other.example"
               standard  RFC 7519 section 4.1.3
               hint      Request a token for https://api.example.
  pass         key
  not reached  signature

header
  alg  "ES256"

claims
  iss    "https://issuer.example.test/"
  exp    1796127780  (2026-12-01 12:23:00 UTC, in 23 min)
  email  "[redacted]"

signature: 64 bytes, not shown
`, stdout)
}

// Colour marks the sentence at the top and the check that decides, and nothing else.
func TestTextInColour(t *testing.T) {
	report := refusedFor("aud", "audience")
	report.Steps = append(report.Steps, explain.Step{Check: "exp", Result: explain.Fail, Reason: "expired"})
	c := command{args: explainArgs(), stdin: hello, report: report, colour: true}
	_, stdout, _ := c.run(t)
	assert.Contains(t, stdout, "\x1b[1;31mrefused: audience (token is for another audience)\x1b[0m\n")
	assert.Contains(t, stdout, "\x1b[1;31mFAIL         aud               no audience of this API\x1b[0m\n")
	assert.Equal(t, 4, strings.Count(stdout, "\x1b"))

	c = command{args: explainArgs(), stdin: hello, report: good(), colour: true}
	_, stdout, _ = c.run(t)
	assert.Contains(t, stdout, "\x1b[1mno check fails; not run: cnf, Validate\x1b[0m\n")
	assert.Equal(t, 2, strings.Count(stdout, "\x1b"))
}

// What comes from an issuer or a token could be in any field of a report.
func TestHostileReport(t *testing.T) {
	const evil = "\x1b[2J\u202e\u009b\n"
	report := explain.Report{At: at(), Issuer: evil, Steps: []explain.Step{{
		Check: evil, Result: evil, Reason: evil, Detail: evil, Expected: evil, Received: evil, Standard: evil, Hint: evil,
	}, {
		Check: evil, Result: explain.Fail, Reason: evil, Detail: evil, Expected: evil, Received: evil, Standard: evil, Hint: evil,
	}}}
	for _, flag := range []string{"-json=false", "-json"} {
		c := command{args: explainArgs(flag), stdin: hello, report: report}
		_, stdout, _ := c.run(t)
		assert.Equal(t, -1, strings.IndexFunc(stdout, unprintable), "%q", stdout)
		assert.Contains(t, stdout, `\u202e`)
	}
}

// A report can be pasted into an issue.
func TestNothingOfTheSignatureIsPrinted(t *testing.T) {
	token := signed(`{"alg":"ES256"}`, `{"email":"a@b.example","name":"Alice"}`)
	signature := token[strings.LastIndex(token, ".")+1:]
	for _, args := range [][]string{nil, {"-json"}, {"-show-personal"}, {"-json", "-show-personal"}} {
		c := command{args: explainArgs(args...), stdin: token, report: good()}
		_, stdout, stderr := c.run(t)
		for start := range len(signature) - 8 {
			assert.NotContains(t, stdout+stderr, signature[start:start+8])
		}
		assert.NotContains(t, stdout, token[:20])
		assert.Equal(t, len(args) > 0 && args[len(args)-1] == "-show-personal", strings.Contains(stdout, "Alice"))
	}
}

func TestDetailsAreWrapped(t *testing.T) {
	report := refusedFor("aud", "audience")
	report.Steps[1].Hint = strings.Repeat("word ", 20) + strings.Repeat("x", 100) + " end"
	_, stdout, _ := (&command{args: explainArgs(), stdin: hello, report: report}).run(t)
	indent := strings.Repeat(" ", 25)
	assert.Contains(t, stdout, "               hint      "+strings.Repeat("word ", 15)+"word\n"+
		indent+"word word word word\n"+indent+strings.Repeat("x", 100)+"\n"+indent+"end\n")
}

func TestLongLinesAreCut(t *testing.T) {
	token := signed(`{}`, `{"a":[`+strings.Repeat(`"xxxx",`, 200)+`""]}`)
	c := command{args: explainArgs(), stdin: token, report: good()}
	_, stdout, _ := c.run(t)
	for line := range strings.Lines(stdout) {
		assert.Less(t, len(line), maxLine+40)
	}
	assert.Contains(t, stdout, "... (1404 bytes)")
}

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims/explain"
)

func TestExitCodes(t *testing.T) {
	unsigned := good()
	unsigned.Steps[2].Result = explain.NotRun
	for name, test := range map[string]struct {
		report  explain.Report
		code    int
		summary string
	}{
		"no check fails":            {good(), 0, "no check fails; not run: cnf, Validate\n"},
		"refused by its content":    {refusedFor("aud", "audience"), 1, "refused: audience (token is for another audience)\n"},
		"refused by its signature":  {refusedFor("signature", "signature"), 1, "refused: signature (signature is invalid)\n"},
		"without a permission":      {refusedFor("policies", "forbidden"), 1, "refused: forbidden (not permitted)\n"},
		"keys cannot be fetched":    {refusedFor("key", "keys_unavailable"), 3, "not decided: keys_unavailable (the issuer's keys are unavailable)\n"},
		"a check cannot be made":    {refusedFor("Validate", "unavailable"), 3, "not decided: unavailable (verification is unavailable)\n"},
		"a signature not checked":   {unsigned, 3, "not decided: the signature was not checked\n"},
		"a report without any step": {explain.Report{}, 3, "not decided: the signature was not checked\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := command{args: explainArgs(), stdin: hello, report: test.report}
			code, stdout, stderr := c.run(t)
			assert.Equal(t, test.code, code)
			assert.Contains(t, "\n"+stdout, "\n"+test.summary)
			assert.Empty(t, stderr)
		})
	}
}

func TestWrongUse(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		problem string
	}{
		"no subcommand":               {nil, "usage: "},
		"another subcommand":          {[]string{"verify"}, "the first argument must be explain"},
		"unknown flag":                {explainArgs("-x"), "flag provided but not defined: -x"},
		"no audience":                 {[]string{"explain", "-issuer", issuerURL}, "add -audience ID"},
		"an empty audience":           {[]string{"explain", "-issuer", issuerURL, "-audience", ""}, "it is empty"},
		"two issuers":                 {explainArgs("-auth0", "d"), "only one of these can be set: -issuer, -auth0"},
		"a client without Cognito":    {explainArgs("-client", "c"), "-client goes with"},
		"Cognito without a client":    {[]string{"explain", "-cognito", "eu-west-1_x"}, "add -client ID"},
		"two sources of keys":         {explainArgs("-jwks", "f", "-jwks-url", "u"), "only one of -jwks and -jwks-url"},
		"jwks-url with a provider":    {[]string{"explain", "-auth0", "d", "-audience", "a", "-jwks-url", "u"}, "-jwks-url goes with -issuer only"},
		"a file with the page":        {explainArgs("-serve", "-f", "x"), "-f has no effect with -serve"},
		"JSON with the page":          {explainArgs("-serve", "-json"), "-json has no effect with -serve"},
		"an address without a page":   {explainArgs("-addr", "127.0.0.1:0"), "-addr goes with -serve only"},
		"a scope with a space":        {explainArgs("-scope", "a b"), "a scope must be"},
		"a page without an issuer":    {[]string{"explain", "-serve"}, "no issuer is set"},
		"a page on all interfaces":    {explainArgs("-serve", "-addr", "0.0.0.0:0"), "must be a loopback address"},
		"a page on a name":            {explainArgs("-serve", "-addr", "localhost:0"), "must be a loopback address"},
		"a page without a host":       {explainArgs("-serve", "-addr", ":8080"), "must be a loopback address"},
		"a page on another address":   {explainArgs("-serve", "-addr", "[2001:db8::1]:8080"), "must be a loopback address"},
		"a file that is not there":    {explainArgs("-f", "testdata/none"), "-f: open testdata/none"},
		"an argument that is no flag": {explainArgs("opaque-token-zz"), "an argument that is no flag"},
	} {
		t.Run(name, func(t *testing.T) {
			c := command{args: test.args, stdin: hello, report: good()}
			code, stdout, stderr := c.run(t)
			assert.Equal(t, exitWrongUse, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, test.problem)
			assert.NotContains(t, stderr, "opaque-token-zz")
			assert.Empty(t, c.token, "explained all the same")
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	c := command{args: explainArgs("-client", "c", "-addr", "x"), stdin: hello}
	_, _, stderr := c.run(t)
	assert.Contains(t, stderr, "-client goes with")
	assert.Contains(t, stderr, "-addr goes with")
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"explain", "-h"}, {"explain", "-help"}} {
		code, stdout, stderr := (&command{args: args}).run(t)
		assert.Equal(t, exitNoneFails, code)
		assert.Equal(t, usage, stdout)
		assert.Empty(t, stderr)
	}
}

// Nothing is learned from a token: its iss is shown, and not used.
func TestWithoutIssuer(t *testing.T) {
	for name, test := range map[string]struct{ stdin, shown string }{
		"with an iss":  {signed(`{}`, `{"iss":"https://issuer.example/"}`), `names the issuer "https://issuer.example/", which nothing has verified`},
		"hostile iss":  {signed(`{}`, `{"iss":"\u001b[31m\u202e"}`), `names the issuer "\u001b[31m\u202e", which`},
		"without iss":  {signed(`{}`, `{}`), "no issuer is set: add -issuer URL"},
		"not readable": {"opaque", "no issuer is set: add -issuer URL"},
	} {
		t.Run(name, func(t *testing.T) {
			c := command{args: []string{"explain"}, stdin: test.stdin, report: good()}
			code, stdout, stderr := c.run(t)
			assert.Equal(t, exitWrongUse, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, "no issuer is set: add -issuer URL")
			assert.Contains(t, stderr, test.shown)
			assert.Empty(t, c.token)
		})
	}
}

func TestOptions(t *testing.T) {
	c := command{args: explainArgs("-scope", "read:x", "-scope", "write:x"), stdin: hello, report: good()}
	c.run(t)
	assert.Equal(t, explain.Options{Fetch: true, Scopes: []string{"read:x", "write:x"}}, c.options)

	c = command{args: explainArgs("-jwks", "keys.json"), stdin: hello, report: good()}
	c.run(t)
	assert.Equal(t, explain.Options{}, c.options, "with -jwks, no request is made")
}

func TestColour(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"a terminal":           {map[string]string{"TERM": "xterm"}, true},
		"NO_COLOR":             {map[string]string{"TERM": "xterm", "NO_COLOR": "0"}, false},
		"NO_COLOR empty":       {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
		"dumb":                 {map[string]string{"TERM": "dumb"}, false},
		"no TERM":              {nil, false},
		"Windows Terminal":     {map[string]string{"WT_SESSION": "1"}, true},
		"NO_COLOR on Windows":  {map[string]string{"WT_SESSION": "1", "NO_COLOR": "1"}, false},
		"dumb in Windows Term": {map[string]string{"WT_SESSION": "1", "TERM": "dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, wantsColour(func(name string) string { return test.env[name] }))
		})
	}
}

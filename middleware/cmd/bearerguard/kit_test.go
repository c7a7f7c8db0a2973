package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const (
	issuerURL = "https://issuer.example.test/"
	hello     = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLnRlc3QvIn0.c2ln" // three good segments
)

// at is when the hand-made reports were made.
func at() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// A command runs the program with a hand-made report.
type command struct {
	args   []string
	stdin  string
	report explain.Report
	colour bool

	token   string          // that was explained
	options explain.Options // of the explanation
}

func (c *command) run(t *testing.T) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := c.program()
	p.stdout, p.stderr = &out, &errs
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a page that is served by mistake ends at once
	code = p.run(ctx, c.args)
	return code, out.String(), errs.String()
}

func (c *command) program() program {
	return program{
		stdin: strings.NewReader(c.stdin), colour: c.colour,
		newExplainer: func(*settings) (explainFunc, error) {
			return func(_ context.Context, token string, o explain.Options) explain.Report {
				c.token, c.options = token, o
				return c.report
			}, nil
		},
	}
}

// explainArgs returns a command line with an issuer.
func explainArgs(more ...string) []string {
	return append([]string{"explain", "-issuer", issuerURL, "-audience", "api"}, more...)
}

// good is a report without a failure.
func good() explain.Report {
	return explain.Report{At: at(), Issuer: issuerURL, Steps: []explain.Step{
		{Check: "iss", Result: explain.Pass, Standard: "RFC 8725 section 3.8"},
		{Check: "aud", Result: explain.Pass, Received: `"api"`},
		{Check: "signature", Result: explain.Pass},
		{Check: "cnf", Result: explain.NotRun, Detail: "the token is not bound to a key"},
		{Check: "Validate", Result: explain.NotRun},
	}}
}

// refusedFor is a report with one failure.
func refusedFor(check, reason string) explain.Report {
	return explain.Report{At: at(), Issuer: issuerURL, Steps: []explain.Step{
		{Check: "iss", Result: explain.Pass},
		{
			Check: check, Result: explain.Fail, Reason: reason, Detail: "no audience of this API",
			Expected: `"https://api.example"`, Received: `"https://other.example"`,
			Standard: "RFC 7519 section 4.1.3", Hint: "Request a token for https://api.example.",
		},
		{Check: "key", Result: explain.Pass},
		{Check: "signature", Result: explain.NotReached},
	}}
}

// signed returns a token with this header and these claims.
func signed(header, claims string) string {
	return jwkstest.RawToken([]byte(header), []byte(claims), jwkstest.NewKey("ES256"))
}

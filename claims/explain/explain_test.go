package explain_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims/explain"
)

func TestDecidingIsTheFirstStepThatFails(t *testing.T) {
	steps := []explain.Step{
		{Check: "a", Result: explain.Pass},
		{Check: "b", Result: explain.NotRun},
		{Check: "c", Result: explain.Fail},
		{Check: "d", Result: explain.NotReached},
		{Check: "e", Result: explain.Fail},
	}
	assert.Equal(t, "c", explain.Report{Steps: steps}.Deciding())
	assert.Empty(t, explain.Report{Steps: steps[:2]}.Deciding())
	assert.Empty(t, explain.Report{}.Deciding())
}

// A report that is logged by mistake must hold nothing of the token.
func TestReportLogsNothingOfTheToken(t *testing.T) {
	const canary = "cAnArY"
	failed := explain.Step{
		Check: "aud", Result: explain.Fail, Reason: "audience", Detail: canary, Expected: canary, Received: canary, Hint: canary,
	}
	r := explain.Report{Issuer: "https://issuer.example/", Steps: []explain.Step{{Check: "iss", Result: explain.Pass, Received: canary}, failed, failed}}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "report", r)
	assert.NotContains(t, out.String(), canary)
	assert.Contains(t, out.String(), `"report":{"issuer":"https://issuer.example/","deciding":"aud","reason":"audience"}`)
}

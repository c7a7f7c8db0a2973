package main

import (
	"fmt"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// The outcomes of an explanation, as -json has them.
const (
	outcomeNoneFails = "no_check_fails"
	outcomeRefused   = "refused"
	outcomeUndecided = "undecided"
)

// A verdict is the outcome of a report.
type verdict struct {
	outcome  string
	exitCode int
	summary  string // one sentence
	deciding explain.Step

	decidingAt int // its place in the report, or -1
}

// signatureCheck is the step without which nothing is known about a token.
const signatureCheck = "signature"

// verdictOf fails closed: without a signature that was checked, the outcome is never that no
// check fails.
func verdictOf(r explain.Report) verdict {
	var notRun []string
	signed := false
	for n, step := range r.Steps {
		switch step.Result {
		case explain.Fail:
			return failed(step, n)
		case explain.NotRun:
			notRun = append(notRun, step.Check)
		}
		signed = signed || step.Check == signatureCheck && step.Result == explain.Pass
	}
	if !signed {
		return verdict{
			outcome: outcomeUndecided, exitCode: exitUndecided,
			summary: "not decided: the signature was not checked", decidingAt: -1,
		}
	}
	summary := "no check fails"
	if len(notRun) > 0 {
		summary += "; not run: " + strings.Join(notRun, ", ")
	}
	return verdict{outcome: outcomeNoneFails, exitCode: exitNoneFails, summary: summary, decidingAt: -1}
}

func failed(step explain.Step, at int) verdict {
	text := fmt.Sprintf("%s (%s)", step.Reason, strings.TrimPrefix(claims.Reason(step.Reason).Error(), "claims: "))
	switch claims.Reason(step.Reason) {
	case claims.ErrKeysUnavailable, claims.ErrUnavailable:
		return verdict{
			outcome: outcomeUndecided, exitCode: exitUndecided,
			summary: "not decided: " + text, deciding: step, decidingAt: at,
		}
	}
	return verdict{
		outcome: outcomeRefused, exitCode: exitRefused,
		summary: "refused: " + text, deciding: step, decidingAt: at,
	}
}

// withIssuerOf adds what the token says about its issuer to the report of wrong flags. The
// user decides whether that is the issuer of the API.
func withIssuerOf(token string, err error) error {
	for _, m := range (viewer{}).read(token).claims {
		if m.name == "iss" {
			return fmt.Errorf("%w\nthe token names the issuer %s, which nothing has verified: "+
				"set it only if your API trusts it", err, m.value)
		}
	}
	return err
}

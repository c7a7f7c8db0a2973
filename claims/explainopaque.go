package claims

import (
	"context"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// judgeOpaque makes the checks of an opaque token of e.issuer, in the order of Verify. The issuer
// is asked only if the options say so, because the answer is a request.
func (e *explanation) judgeOpaque(ctx context.Context) {
	e.record(segmentsRow, nil)
	e.steps[segmentsRow].Detail = "an opaque token of this issuer, by its shape"
	for _, r := range [...]row{headerRow, algRow, keyRow, signatureRow} {
		e.notRun(r, "an opaque token has none: its issuer answers for it")
	}
	if !e.options.Fetch {
		e.notRun(claimsRow, "the issuer is asked for requests only")
		return
	}
	var err error
	if e.payload, _, err = e.issuer.introspect(ctx, e.text); err != nil {
		e.record(claimsRow, err)
		return
	}
	for _, c := range answerChecks {
		err := e.v.checkAnswer(ctx, &e.attempt, c)
		e.record(rowOf[c], err)
		if err != nil && c == claimsCheck {
			return
		}
	}
	e.judgeConfirmation(ctx)
	e.judgeHook()
	e.judgeScopes()
}

// saysNothing reports whether there is nothing to compare in a step, because the token is opaque.
func (e *explanation) saysNothing(r row) bool {
	return e.opaque && e.steps[r].Result == explain.NotRun && r != requestRow && r != cnfRow && r != policiesRow
}

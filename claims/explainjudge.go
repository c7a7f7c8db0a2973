package claims

import (
	"context"
	"errors"
	"slices"

	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// An explanation is a report that is being made.
type explanation struct {
	attempt
	v       *Verifier
	text    string // the token
	options explain.Options

	steps    [numRows]explain.Step
	deciding row      // the first that fails; numRows for none
	assumed  bool     // the issuer is not the one that iss names, but almost
	opaque   bool     // the token is an opaque one of the issuer
	keyError error    // of the look-up
	bound    []string // members of cnf that need a proof
	missing  []string // of options.Scopes
	keySet   explain.KeySet
}

func newExplanation(v *Verifier, token string, o explain.Options) *explanation {
	e := &explanation{v: v, text: token, options: o, deciding: numRows}
	e.now, e.trust = v.now(), v.trusted.Load()
	for r, what := range rows {
		e.steps[r] = explain.Step{Check: what.check, Standard: what.standard, Result: explain.NotReached}
	}
	return e
}

func (e *explanation) report() explain.Report {
	r := explain.Report{At: e.now, Steps: slices.Clone(e.steps[:])}
	for n := range r.Steps {
		for _, field := range []*string{&r.Steps[n].Detail, &r.Steps[n].Expected, &r.Steps[n].Received, &r.Steps[n].Hint} {
			*field = plain(*field, fieldBytes) // a name in the configuration can be of any script
		}
	}
	if e.issuer != nil && !e.assumed {
		r.Issuer = e.issuer.URL
	}
	return r
}

// judge makes the checks in the order of Verify.
func (e *explanation) judge(ctx context.Context) {
	e.notRun(requestRow, "only the token was given")
	if e.v.isTooLong(e.text) {
		e.record(lengthRow, refuse(ErrMalformed, tooLong))
		return
	}
	e.record(lengthRow, nil)
	if e.issuer = e.trust.opaqueIssuer(e.text); e.issuer != nil {
		e.opaque = true
		e.judgeOpaque(ctx)
		return
	}
	var err error
	if e.parts, err = strict.Cut(e.text); err != nil {
		err = e.trust.notCut(err)
		e.record(segmentsRow, err)
		return
	}
	for c := range numChecks {
		if !e.judgeBy(ctx, c) {
			return
		}
	}
	e.judgeConfirmation(ctx)
	e.judgeHook()
	e.judgeScopes()
}

// judgeBy makes one check of accept, if what it needs is known. It returns false if the token
// cannot be read any further.
func (e *explanation) judgeBy(ctx context.Context, c check) bool {
	switch {
	case !e.isReady(c):
		return true
	case c == issuerCheck && e.v.resolve != nil && !e.options.Fetch && e.trust.issuers[e.claims.issuer] == nil && e.claims.issuer != "":
		e.notRun(issRow, "Config.Resolve is called for requests only")
		return true
	case c == keyCheck:
		e.lookUp(ctx)
		return true
	}
	err := e.v.check(ctx, &e.attempt, c)
	e.record(rowOf[c], err)
	switch {
	case err == nil, c == algorithmCheck:
		return true
	case c == issuerCheck:
		e.issuer = e.trust.similarIssuer(e.claims.issuer)
		e.assumed = e.issuer != nil
	}
	return c > claimsCheck
}

// isReady reports whether a check has what it needs from the earlier ones.
func (e *explanation) isReady(c check) bool {
	switch {
	case c == signatureSegmentCheck:
		return e.deciding != algRow // Verify does not read the signature of such a token
	case c == keyCheck: // no key is looked up for an alg that the issuer does not use
		return e.issuer != nil && slices.Contains(e.issuer.Algorithms, e.header.alg)
	case c == signatureCheck:
		return len(e.keys) > 0 && e.signature != nil
	}
	return c <= issuerCheck || e.issuer != nil
}

// record stores the result of a check. Only Verify's order counts: a later check cannot decide
// by a row that precedes the one that has failed.
func (e *explanation) record(r row, err error) {
	step := &e.steps[r]
	switch {
	case err == nil && step.Result == explain.NotReached:
		step.Result = explain.Pass
		return
	case err == nil, e.deciding < numRows && r <= e.deciding:
		return
	}
	e.deciding = min(e.deciding, r)
	step.Result = explain.Fail
	var reason Reason
	errors.As(err, &reason)
	step.Reason = string(reason)
	var refused *refusal
	if errors.As(err, &refused) {
		step.Detail = refused.detail
	}
}

func (e *explanation) notRun(r row, detail string) {
	e.steps[r].Result, e.steps[r].Detail = explain.NotRun, detail
}

func (e *explanation) failed(r row) bool { return e.steps[r].Result == explain.Fail }

// An assumedProof confirms everything. It shows what a cnf would need.
type assumedProof struct{ Proof }

func (assumedProof) Confirm(context.Context, string, []byte) error { return nil }

// judgeConfirmation fails if no proof could help.
func (e *explanation) judgeConfirmation(ctx context.Context) {
	if e.claims.confirmation == (strict.Span{}) {
		e.record(cnfRow, nil)
		return
	}
	err := e.claims.confirmBy(ctx, e.text, func(member, value string) Proof {
		if value == null && !slices.Contains(knownConfirmations, member) {
			return nil // a null can be ignored, but not confirmed
		}
		e.bound = append(e.bound, member)
		return assumedProof{}
	})
	if err != nil {
		e.record(cnfRow, err)
		return
	}
	e.notRun(cnfRow, "no proof was given")
}

func (e *explanation) judgeHook() {
	switch {
	case e.issuer == nil:
	case !e.opaque && e.issuer.introspectsJWTs():
		e.notRun(validateRow, "the issuer and the hook are asked for requests only")
	case e.issuer.Validate == nil:
		e.record(validateRow, nil)
		e.steps[validateRow].Detail = "none configured"
	default:
		e.notRun(validateRow, "the hook is called for requests only")
	}
}

// judgeScopes compares the scopes of the token with those of a route. Other policies are not
// known here.
func (e *explanation) judgeScopes() {
	switch {
	case e.issuer == nil:
		return
	case len(e.options.Scopes) == 0:
		e.notRun(policiesRow, "no scopes were given")
		return
	}
	e.claims.resolveScopes(e.issuer.ScopeClaims, e.issuer.AllowedScopes)
	for _, scope := range e.options.Scopes {
		if !e.claims.HasScope(scope) {
			e.missing = append(e.missing, scope)
		}
	}
	if len(e.missing) > 0 {
		e.record(policiesRow, refuse(ErrForbidden, "a scope is missing"))
		return
	}
	e.record(policiesRow, nil)
}

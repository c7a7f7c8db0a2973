package claims

import (
	"context"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// Explain returns a report that says why [Verifier.Verify] accepts or refuses a token. Each step
// is a check, with what is expected, what the token has, and what to change. The steps are the
// rows of the table "What is verified" in the README.
//
// Explain is for people who look for a mistake, and not for the path of a request. The report is
// no permission, and it can hold claims of the token: show it only to people who may see the
// token. Its steps never hold the signature, or the text of a token that is not a JWT.
//
// Explain makes the checks with the code of Verify, so the first step that fails has the Reason
// of Verify. After it, Explain makes the checks that are still possible. A token whose iss is
// almost that of an issuer is judged by this issuer's settings, and the steps say so. A token
// that is longer than Config.MaxTokenBytes is not read.
//
// Explain calls neither Validate nor a Proof, remembers no token and, by default, makes no
// request. Keys are looked up with a method that a [KeySet] can have:
//
//	// Peek is like Keys, but never waits and makes no request. The KeySet says what is there.
//	// The error matches ErrUnknownKey for a key that is not there. It is an *UnavailableError
//	// if there are no keys that can be used, with an Err if the latest attempt to get some
//	// has failed.
//	Peek(alg, kid string) ([]Key, explain.KeySet, error)
//
// The types of package jwks have it. A key that is not there fails the step, although Verify
// may find it by a fetch. Without Peek the key is not looked up. With Options.Fetch, Explain
// calls Keys as Verify does, with ctx, and so it can block and fetch.
//
// Config.Resolve is called with Options.Fetch only. The same holds for an Issuer.Opaque that is
// asked about an opaque token. It is never asked about a JWT.
//
// These tokens are refused by Verify without a step that fails: bound tokens without a proof,
// tokens that Validate refuses, and tokens whose issuer or key was not looked up. Their steps
// are [explain.NotRun].
func (v *Verifier) Explain(ctx context.Context, token string, o explain.Options) explain.Report {
	e := newExplanation(v, token, o)
	e.judge(ctx)
	e.describe()
	e.advise()
	return e.report()
}

// A row is one step of a report: a row of the README's table.
type row uint8

const (
	requestRow row = iota
	lengthRow
	segmentsRow
	headerRow
	algRow
	claimsRow
	issRow
	typRow
	timesRow
	audRow
	requiredRow
	keyRow
	signatureRow
	cnfRow
	validateRow
	policiesRow
	numRows
)

var rows = [numRows]struct{ check, standard string }{
	requestRow:   {"request", "RFC 6750 section 2.1"},
	lengthRow:    {"length", ""},
	segmentsRow:  {"segments", "RFC 7515 sections 2, 7.1"},
	headerRow:    {"header", "RFC 7515 section 4, RFC 7797 section 7"},
	algRow:       {"alg", "RFC 8725 section 3.1"},
	claimsRow:    {"claims", "RFC 7519 sections 2, 4, 7.2"},
	issRow:       {"iss", "RFC 8725 section 3.8"},
	typRow:       {"typ", "RFC 8725 sections 3.11, 3.12"},
	timesRow:     {"times", "RFC 7519 sections 4.1.4, 4.1.5"},
	audRow:       {"aud", "RFC 7519 section 4.1.3"},
	requiredRow:  {"required_claims", "RFC 9068 section 2.2"},
	keyRow:       {"key", "RFC 7517 section 4"},
	signatureRow: {"signature", "RFC 7515 section 5.2"},
	cnfRow:       {"cnf", "RFC 7800 section 3.1"},
	validateRow:  {"validate", ""},
	policiesRow:  {"policies", "RFC 6750 section 3.1, RFC 9470 section 3"},
}

// rowOf says which row a check belongs to. A row passes if all of its checks do.
var rowOf = [numChecks]row{
	headerSegmentCheck:    segmentsRow,
	headerCheck:           headerRow,
	algorithmCheck:        algRow,
	signatureSegmentCheck: segmentsRow,
	payloadSegmentCheck:   segmentsRow,
	claimsCheck:           claimsRow,
	issuerCheck:           issRow,
	issuerAlgorithmCheck:  algRow,
	typeCheck:             typRow,
	timesCheck:            timesRow,
	audienceCheck:         audRow,
	requiredCheck:         requiredRow,
	keyCheck:              keyRow,
	signatureCheck:        signatureRow,
}

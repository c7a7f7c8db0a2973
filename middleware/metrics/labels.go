package metrics

import (
	"net/http"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// other is the value of a label that is not in its list.
const other = "_other"

// invalidRequest is the error.type of a 400, which has no Reason (RFC 6750 section 3.1).
const invalidRequest = "invalid_request"

// How many values a label can have, with "_other".
const (
	outcomeCount   = 6
	schemeCount    = 4
	transportCount = 4
	causeCount     = 4
	resultCount    = 4
	errorTypeCount = 24
)

// The values of the labels. They begin with those whose series are there from the start.
var (
	outcomes = [outcomeCount]string{
		ok: "ok", missing: "missing", refused: "refused", forbidden: "forbidden", unavailable: "unavailable",
		outcomeCount - 1: other,
	}
	schemes    = [schemeCount]string{"Bearer", "", "DPoP", other}
	transports = [transportCount]string{"http", "grpc", "connect", other}
	causes     = [causeCount]string{"schedule", "forced", "asked", other}
	results    = [resultCount]string{"ok", "not_modified", "error", other}
	lookups    = [...]string{"hit", "miss"}

	errorTypes = [errorTypeCount]string{
		"", string(claims.ErrMalformed), string(claims.ErrAlgorithm), string(claims.ErrType),
		string(claims.ErrIssuer), string(claims.ErrAudience), string(claims.ErrExpired),
		string(claims.ErrNotYetValid), string(claims.ErrMissingClaim), string(claims.ErrConfirmation),
		string(claims.ErrUnknownKey), string(claims.ErrUnusableKey), string(claims.ErrSignature),
		string(claims.ErrRevoked), string(claims.ErrRejected), string(claims.ErrAuthentication),
		string(claims.ErrForbidden), string(claims.ErrUnavailable), string(claims.ErrKeysUnavailable),
		string(dpop.ErrProof), string(dpop.ErrReplay), string(dpop.ErrNonce), invalidRequest, other,
	}

	states = [...]jwks.State{
		jwks.StateCold, jwks.StateFresh, jwks.StateRevalidating, jwks.StateStale, jwks.StateExhausted,
	}
)

// The places of outcomes.
const (
	ok = iota
	missing
	refused
	forbidden
	unavailable
)

// The places of schemes and transports up to which series are there from the start. With DPoP, its
// scheme is, too.
const (
	expectedSchemes    = 2
	expectedTransports = 3
)

// outcomeOf is indexOf for outcomes, in the time of one comparison.
func outcomeOf(outcome string) int {
	switch outcome {
	case "ok":
		return ok
	case "missing":
		return missing
	case "refused":
		return refused
	case "forbidden":
		return forbidden
	case "unavailable":
		return unavailable
	}
	return outcomeCount - 1
}

// indexOf returns the place of a value in its list, or that of "_other", which is the last.
func indexOf(list []string, value string) int {
	if n := slices.Index(list, value); n >= 0 {
		return n
	}
	return len(list) - 1
}

// ErrorType returns the error.type of a decision. That is its Reason, "invalid_request" for a 400
// without one, and "_other" for any other refusal whose Reason is not a constant of package
// claims. It is empty for the outcomes ok and missing. It is a label that is safe everywhere.
func ErrorType(d middleware.Decision) string { return errorTypes[errorTypeOf(&d)] }

// errorTypeOf returns the place in errorTypes. A handler can give Middleware.Refuse an Error
// with any Reason, so only known ones are taken.
func errorTypeOf(d *middleware.Decision) int {
	switch {
	case d.Reason != "":
		return placeOf(string(d.Reason))
	case outcomeOf(d.Outcome) <= missing:
		return 0
	case d.Error != nil && d.Error.Status == http.StatusBadRequest:
		return placeOf(invalidRequest)
	}
	return len(errorTypes) - 1
}

// placeOf is indexOf for errorTypes, of which there are too many to compare one by one.
func placeOf(errorType string) int {
	if n, ok := errorTypePlaces[errorType]; ok {
		return n
	}
	return len(errorTypes) - 1
}

var errorTypePlaces = func() map[string]int {
	places := make(map[string]int, len(errorTypes))
	for n, errorType := range errorTypes {
		places[errorType] = n
	}
	return places
}()

// expects reports whether a Middleware gives this error.type with this outcome.
func expects(outcome int, errorType string) bool {
	switch errorType {
	case "":
		return outcome == ok || outcome == missing
	case string(claims.ErrForbidden):
		return outcome == forbidden
	case string(claims.ErrUnavailable), string(claims.ErrKeysUnavailable):
		return outcome == unavailable
	case other:
		return false
	}
	return outcome == refused
}

// hasNoIssuer reports whether a decision of this kind never names an issuer.
func hasNoIssuer(outcome int, errorType string) bool {
	return outcome == missing || errorType == string(claims.ErrIssuer) || errorType == invalidRequest
}

package claims

import (
	"strings"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// advise gives each step that fails, and some that are not run, a hint: what to change.
func (e *explanation) advise() {
	for r := range numRows {
		switch step := &e.steps[r]; step.Result {
		case explain.Fail:
			step.Hint = e.hint(r)
		case explain.NotRun:
			step.Hint = e.hintIfNotRun(r)
		}
	}
}

func (e *explanation) hint(r row) string {
	switch r {
	case lengthRow:
		return "Have the issuer put less into the token, such as fewer groups, or raise Config.MaxTokenBytes."
	case segmentsRow:
		return e.segmentsHint()
	case headerRow:
		return e.headerHint()
	case algRow:
		return e.algHint()
	case claimsRow:
		if e.opaque {
			return e.opaqueHint()
		}
		return e.claimsHint()
	case issRow:
		return e.issHint()
	case typRow:
		return e.typHint()
	case timesRow:
		return e.timesHint()
	case audRow:
		return e.audHint()
	case requiredRow:
		return e.requiredHint()
	case keyRow:
		return e.keyHint()
	case signatureRow:
		return e.signatureHint()
	case cnfRow:
		return "Have the issuer name a key in cnf, or leave cnf out of tokens that are not bound to a key."
	case policiesRow:
		return e.scopesHint()
	}
	return ""
}

func (e *explanation) hintIfNotRun(r row) string {
	switch {
	case r == keyRow && e.opaque:
		return ""
	case r == claimsRow:
		return "Ask again with Options.Fetch: the endpoint of the issuer is then asked."
	case r == keyRow:
		return "Ask again with Options.Fetch, or after the first request."
	case r == cnfRow:
		return e.boundHint()
	}
	return ""
}

// Hints that several checks can give.
const (
	sendAccessToken = " The client must send the access token."
	idToken         = "This is an ID token, which tells a client who has logged in." + sendAccessToken
	refreshToken    = "This is a refresh token." + sendAccessToken
	offlineToken    = "This is an offline token of Keycloak, which is a refresh token." + sendAccessToken
)

// otherKindHint recognises other tokens by claims that providers use for it, or returns "". The
// values are those of Keycloak (typ) and Cognito (token_use).
func (e *explanation) otherKindHint() string {
	if e.claims == nil {
		return ""
	}
	typ, _ := e.claims.stringClaim("typ")
	use, _ := e.claims.stringClaim("token_use")
	switch {
	case typ == "Refresh":
		return refreshToken
	case typ == "Offline":
		return offlineToken
	case typ == "ID", use == "id":
		return idToken
	case typ == "Logout":
		return otherTypes["logout+jwt"]
	}
	return ""
}

// hasDetail reports whether the text of a row's refusal has this part.
func (e *explanation) hasDetail(r row, part string) bool {
	return strings.Contains(e.steps[r].Detail, part)
}

// audience returns an audience of an issuer, for an example.
func (i *Issuer) audience() string {
	if i == nil || len(i.Audiences) == 0 {
		return "the audience of this API"
	}
	return quoted(i.Audiences[0])
}

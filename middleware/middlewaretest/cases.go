package middlewaretest

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const (
	invalidRequest    = "invalid_request"
	invalidToken      = "invalid_token"
	insufficientScope = "insufficient_scope"
)

// A testCase is a request to a route, and the answer that it must get.
type testCase struct {
	rule          string
	authorization []string // the values of the Authorization fields

	status     int
	code       string        // of the challenge
	scope      string        // of the challenge
	retryAfter time.Duration // of a 503
	body       string        // of a 200

	everyMethod bool // repeated with other methods than GET

	dpop     proofs // see bench.fields
	replayed bool   // sent twice; the second answer counts
}

// cases returns the requests that are sent to the route.
func (b *bench) cases(route Route) []testCase {
	all := b.withoutToken(route)
	for _, c := range b.bad {
		if c.status == http.StatusUnauthorized {
			c.scope = route.expects.badToken
		}
		all = append(all, c)
	}
	return append(all, b.good[route.Name]...)
}

// withoutToken returns requests without a bearer token, and malformed ones.
func (b *bench) withoutToken(route Route) []testCase {
	none := testCase{status: http.StatusUnauthorized, scope: route.expects.noToken}
	if route.expects.anonymous {
		none = testCase{status: http.StatusOK, body: anonymous}
	}
	malformed := testCase{status: http.StatusBadRequest, code: invalidRequest}
	good, scheme := b.tokens.token(nil), b.tokens.scheme
	cases := []testCase{
		none.with("no Authorization field"),
		none.with("empty field", ""),
		none.with("Basic", "Basic YWxpY2U6c2VjcmV0"),
		none.with("scheme that begins with "+scheme, scheme+"-Token "+good),
		none.with("token without a scheme", good),
		malformed.with("two fields", scheme+" "+good, scheme+" "+good),
		malformed.with("two fields, the second of another scheme", scheme+" "+good, "Basic YWxpY2U6c2VjcmV0"),
		malformed.with("two fields, the first empty", "", scheme+" "+good),
		malformed.with("only the scheme", scheme),
		malformed.with("scheme and spaces", scheme+"   "),
		malformed.with("two tokens", scheme+" "+good+" "+good),
		malformed.with("two credentials in one field", scheme+" "+good+", "+scheme+" "+good),
		malformed.with("quoted token", scheme+` "`+good+`"`),
	}
	if b.prover == nil {
		cases = append(cases, none.with("DPoP with a good token", "DPoP "+good))
	}
	cases[0].everyMethod = true
	return cases
}

// tokens makes the tokens of the cases.
type tokens struct {
	issuer     *jwkstest.Issuer
	scheme     string
	thumbprint string // of the key that they are bound to, or ""
}

// token is [jwkstest.Issuer.Token] for a token that is bound, unless the claims say otherwise.
func (t tokens) token(claims map[string]any, options ...jwkstest.Option) string {
	if t.thumbprint == "" {
		return t.issuer.Token(claims, options...)
	}
	all := claim("cnf", map[string]string{"jkt": t.thumbprint})
	maps.Copy(all, claims)
	return t.issuer.Token(all, options...)
}

// badTokens returns requests that every route refuses alike. A 401 names the scopes of the
// route.
func badTokens(t tokens) []testCase {
	token := t.token
	good, hour := token(nil), time.Hour
	invalid := testCase{status: http.StatusUnauthorized, code: invalidToken}
	forbidden := testCase{status: http.StatusForbidden, code: insufficientScope}
	outage := testCase{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second}
	noKeys := testCase{status: http.StatusServiceUnavailable, retryAfter: 7 * time.Second}
	cases := []testCase{
		invalid.with("expired", token(claim("exp", time.Now().Add(-hour).Unix()))),
		noKeys.with("keys unavailable", token(nil, jwkstest.Header("kid", unreachable))),
		invalid.with("oversized", strings.Repeat("a", 16<<10+1)),
		invalid.with("not a JWT", "opaque"),
		invalid.with("not yet valid", token(claim("nbf", time.Now().Add(hour).Unix()))),
		invalid.with("without exp", token(claim("exp", jwkstest.Absent))),
		invalid.with("another issuer", token(claim("iss", "https://other.example.test/"))),
		invalid.with("another audience", token(claim("aud", "https://other.example.test"))),
		invalid.with("another type", token(nil, jwkstest.Header("typ", "logout+jwt"))),
		invalid.with("unknown key", token(nil, jwkstest.Header("kid", "unknown"))),
		invalid.with("unsigned", token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "none"}))),
		invalid.with("forged signature", jwkstest.TamperSignature(good)),
		invalid.with("forged claims", jwkstest.TamperClaims(good, claim("scope", admin))),
		invalid.with("bound to a key", token(claim("cnf", map[string]string{"jkt": strings.Repeat("A", 43)}))),
		invalid.with("revoked", token(claim("hook", "revoked"))),
		invalid.with("refused by a hook", token(claim("hook", "own error"))),
		forbidden.with("forbidden by a hook", token(claim("hook", "forbidden"))),
		outage.with("hook unavailable", token(claim("hook", "unavailable"))),
		outage.with("hook out of time", token(claim("hook", "timeout"))),
	}
	cases[0].everyMethod, cases[1].everyMethod = true, true
	return under(t.scheme, cases)
}

// under gives each case, whose Authorization field is only a token, the scheme.
func under(scheme string, cases []testCase) []testCase {
	for n := range cases {
		cases[n].authorization = []string{scheme + " " + cases[n].authorization[0]}
	}
	return cases
}

func claim(name string, value any) map[string]any { return map[string]any{name: value} }

// with returns c with a rule and Authorization fields.
func (c testCase) with(rule string, authorization ...string) testCase {
	c.rule, c.authorization = rule, authorization
	return c
}

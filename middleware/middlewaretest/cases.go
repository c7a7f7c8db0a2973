package middlewaretest

import (
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
}

// cases returns the requests that are sent to the route.
func (b *bench) cases(route Route) []testCase {
	all := b.withoutToken(route)
	for _, c := range b.bad {
		if c.code == invalidToken {
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
	good := b.token
	cases := []testCase{
		none.with("no Authorization field"),
		none.with("empty field", ""),
		none.with("Basic", "Basic YWxpY2U6c2VjcmV0"),
		none.with("DPoP with a good token", "DPoP "+good),
		none.with("scheme that begins with Bearer", "Bearer-Token "+good),
		none.with("token without a scheme", good),
		malformed.with("two fields", "Bearer "+good, "Bearer "+good),
		malformed.with("two fields, the second of another scheme", "Bearer "+good, "Basic YWxpY2U6c2VjcmV0"),
		malformed.with("two fields, the first empty", "", "Bearer "+good),
		malformed.with("only the scheme", "Bearer"),
		malformed.with("scheme and spaces", "Bearer   "),
		malformed.with("two tokens", "Bearer "+good+" "+good),
		malformed.with("two credentials in one field", "Bearer "+good+", Bearer "+good),
		malformed.with("quoted token", `Bearer "`+good+`"`),
	}
	cases[0].everyMethod = true
	return cases
}

// badTokens returns requests that every route refuses alike. A 401 names the scopes of the
// route.
func badTokens(issuer *jwkstest.Issuer) []testCase {
	token := issuer.Token
	good, hour := token(nil), time.Hour
	invalid := testCase{status: http.StatusUnauthorized, code: invalidToken}
	forbidden := testCase{status: http.StatusForbidden, code: insufficientScope}
	outage := testCase{status: http.StatusServiceUnavailable, retryAfter: 5 * time.Second}
	noKeys := testCase{status: http.StatusServiceUnavailable, retryAfter: 7 * time.Second}
	cases := []testCase{
		invalid.bearing("expired", token(claim("exp", time.Now().Add(-hour).Unix()))),
		noKeys.bearing("keys unavailable", token(nil, jwkstest.Header("kid", unreachable))),
		invalid.bearing("oversized", strings.Repeat("a", 16<<10+1)),
		invalid.bearing("not a JWT", "opaque"),
		invalid.bearing("not yet valid", token(claim("nbf", time.Now().Add(hour).Unix()))),
		invalid.bearing("without exp", token(claim("exp", jwkstest.Absent))),
		invalid.bearing("another issuer", token(claim("iss", "https://other.example.test/"))),
		invalid.bearing("another audience", token(claim("aud", "https://other.example.test"))),
		invalid.bearing("another type", token(nil, jwkstest.Header("typ", "logout+jwt"))),
		invalid.bearing("unknown key", token(nil, jwkstest.Header("kid", "unknown"))),
		invalid.bearing("unsigned", token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "none"}))),
		invalid.bearing("forged signature", jwkstest.TamperSignature(good)),
		invalid.bearing("forged claims", jwkstest.TamperClaims(good, claim("scope", admin))),
		invalid.bearing("bound to a key", token(claim("cnf", map[string]string{"jkt": strings.Repeat("A", 43)}))),
		invalid.bearing("revoked", token(claim("hook", "revoked"))),
		invalid.bearing("refused by a hook", token(claim("hook", "own error"))),
		forbidden.bearing("forbidden by a hook", token(claim("hook", "forbidden"))),
		outage.bearing("hook unavailable", token(claim("hook", "unavailable"))),
		outage.bearing("hook out of time", token(claim("hook", "timeout"))),
	}
	cases[0].everyMethod, cases[1].everyMethod = true, true
	return cases
}

func claim(name string, value any) map[string]any { return map[string]any{name: value} }

// with returns c with a rule and Authorization fields.
func (c testCase) with(rule string, authorization ...string) testCase {
	c.rule, c.authorization = rule, authorization
	return c
}

func (c testCase) bearing(rule, token string) testCase { return c.with(rule, "Bearer "+token) }

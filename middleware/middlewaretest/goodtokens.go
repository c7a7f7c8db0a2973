package middlewaretest

import (
	"net/http"
	"strings"
	"time"
)

// goodTokens returns requests with valid tokens, by the name of the route, which decides
// what they may do.
func goodTokens(t tokens) map[string][]testCase {
	alice, bob := "subject alice", "subject bob"
	token := func(subject, scope string) string {
		return t.token(map[string]any{"sub": subject, "scope": scope})
	}
	nothing, reader, writer := token("alice", ""), token("alice", read), token("alice", read+" "+write)
	othersReader := token("bob", read)
	gold := t.token(map[string]any{"sub": "bob", "scope": "", "tier": "gold"})
	good := map[string][]testCase{
		authenticated: {ok("a token without scopes", nothing, alice)},
		"AllScopes": {
			ok("all of them", writer, alice),
			lacks(read+" "+write, "one of them", reader),
			lacks(read+" "+write, "none of them", nothing),
		},
		"AnyScope":   {ok("the second one", writer, alice), lacks(admin, "none of them", reader)},
		"AnyPolicy":  {ok("the first", writer, alice), ok("the second", gold, bob), lacks(write, "neither", reader)},
		"PolicyFunc": {ok("allowed", reader, alice), lacks("", "denied", othersReader)},
		"SeveralPolicies": {
			ok("allowed by both", reader, alice),
			lacks(read, "without the scope", nothing),
			lacks("", "denied by the function", othersReader),
		},
		"ZeroPolicy":  {lacks("", "all scopes", writer)},
		"Unavailable": {unavailable("all scopes", writer)},
		"UnavailableAndScopes": {
			unavailable("with the scope", writer),
			lacks(write, "without the scope: no second try would help", reader),
		},
		"Optional":        {ok("a token without scopes", nothing, alice)},
		"Group":           {ok("the scope", reader, alice), lacks(read, "without the scope", nothing)},
		"OptionalGroup":   {ok("the scope", reader, alice), lacks(read, "without the scope", nothing)},
		"OptionalInGroup": {ok("a token without scopes", nothing, alice)},
		"DeepGroup": {
			ok("both scopes", writer, alice),
			lacks(read+" "+write, "refused by the innermost", reader),
			lacks(read, "refused in between", nothing),
		},
	}
	for _, cases := range good {
		under(t.scheme, cases)
	}
	good[authenticated] = append(good[authenticated],
		granted(alice).with("scheme in lower case", strings.ToLower(t.scheme)+" "+reader),
		granted(alice).with("scheme in upper case and several spaces", strings.ToUpper(t.scheme)+"   "+reader))
	return good
}

func granted(body string) testCase {
	return testCase{status: http.StatusOK, body: body, everyMethod: true}
}

func ok(rule, token, body string) testCase { return granted(body).with(rule, token) }

// lacks returns a case for a 403 whose challenge names the scope, or none if scopes did not
// decide.
func lacks(scope, rule, token string) testCase {
	c := testCase{status: http.StatusForbidden, code: insufficientScope, scope: scope, everyMethod: true}
	return c.with(rule, token)
}

func unavailable(rule, token string) testCase {
	c := testCase{status: http.StatusServiceUnavailable, retryAfter: 30 * time.Second, everyMethod: true}
	return c.with(rule, token)
}

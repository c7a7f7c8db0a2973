package middleware_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

const authenticationText = "The request requires a stronger or more recent authentication of the user"

// RFC 9470 section 6.1, RFC 9068 section 2.2.1: the claims about an authentication.
func TestAuthenticationClaims(t *testing.T) {
	const aged = 5 * time.Minute
	for _, tt := range []struct {
		rule    string
		payload string // %d is the time of an authentication
		maxAge  time.Duration
		acr     []string
		want    bool
	}{
		{"acr is the one", `{"acr":"mfa"}`, 0, []string{"mfa"}, true},
		{"acr is one of them", `{"acr":"mfa"}`, 0, []string{"hwk", "mfa"}, true},
		{"acr is another", `{"acr":"pwd"}`, 0, []string{"hwk", "mfa"}, false},
		{"acr in another case", `{"acr":"MFA"}`, 0, []string{"mfa"}, false},
		{"acr begins with it", `{"acr":"mfa2"}`, 0, []string{"mfa"}, false},
		{"acr is the list", `{"acr":"hwk mfa"}`, 0, []string{"hwk", "mfa"}, false},
		{"acr is missing", `{}`, 0, []string{"mfa"}, false},
		{"acr is empty", `{"acr":""}`, 0, []string{"mfa"}, false},
		{"acr is null", `{"acr":null}`, 0, []string{"mfa"}, false},
		{"acr is an array", `{"acr":["mfa"]}`, 0, []string{"mfa"}, false},
		{"acr is an object", `{"acr":{"mfa":true}}`, 0, []string{"mfa"}, false},
		{"acr is a number", `{"acr":1}`, 0, []string{"1"}, false},
		{"acr is true", `{"acr":true}`, 0, []string{"true"}, false},
		{"acr has another name", `{"Acr":"mfa","amr":["mfa"]}`, 0, []string{"mfa"}, false},
		{"acr is a URN", `{"acr":"urn:mace:incommon:iap:silver"}`, 0, []string{"urn:mace:incommon:iap:silver"}, true},
		{"auth_time does not matter to acr", `{"acr":"mfa","auth_time":"x"}`, 0, []string{"mfa"}, true},

		{"auth_time is recent", `{"auth_time":%d}`, aged, nil, true},
		{"acr does not matter to auth_time", `{"auth_time":%d,"acr":[1]}`, aged, nil, true},
		{"auth_time is missing", `{}`, aged, nil, false},
		{"auth_time is null", `{"auth_time":null}`, aged, nil, false},
		{"auth_time is a string", `{"auth_time":"%d"}`, aged, nil, false},
		{"auth_time is an array", `{"auth_time":[%d]}`, aged, nil, false},
		{"auth_time is an object", `{"auth_time":{"a":%d}}`, aged, nil, false},
		{"auth_time is true", `{"auth_time":true}`, aged, nil, false},
		{"auth_time is a fraction (RFC 7519 section 2)", `{"auth_time":%d.5}`, aged, nil, true},
		{"auth_time with an exponent", `{"auth_time":%de0}`, aged, nil, true},
		{"auth_time in milliseconds is in the future", `{"auth_time":%d000}`, aged, nil, false},
		{"auth_time is 0", `{"auth_time":0}`, aged, nil, false},
		{"auth_time is negative", `{"auth_time":-%d}`, aged, nil, false},
		{"auth_time is huge", `{"auth_time":1e300}`, aged, nil, false},
		{"auth_time is hugely negative", `{"auth_time":-1e300}`, aged, nil, false},
		{"auth_time is too large for a number", `{"auth_time":1e999}`, aged, nil, false},
		{"auth_time has another name", `{"Auth_Time":%d,"auth-time":%[1]d,"iat":%[1]d}`, aged, nil, false},
		{"the longest maxAge accepts any age", `{"auth_time":1}`, 9_223_372_036 * time.Second, nil, true},

		{"a missing auth_time is not 0", `{}`, 9_223_372_036 * time.Second, nil, false},

		{"both are present", `{"acr":"mfa","auth_time":%d}`, aged, []string{"mfa"}, true},
		{"only acr", `{"acr":"mfa"}`, aged, []string{"mfa"}, false},
		{"only auth_time", `{"auth_time":%d}`, aged, []string{"mfa"}, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			payload := tt.payload
			if strings.Contains(payload, "%") {
				payload = fmt.Sprintf(payload, time.Now().Add(-time.Minute).Unix())
			}
			c, err := claims.ParseUnverified([]byte(payload))
			if err != nil {
				require.False(t, tt.want, "refused as malformed: %v", err)
				return
			}
			err = middleware.Authorize(claims.NewContext(t.Context(), c), middleware.RequireAuthentication(tt.maxAge, tt.acr...))
			if tt.want {
				require.NoError(t, err)
				return
			}
			var e *middleware.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, 401, e.Status)
			assert.Equal(t, "insufficient_user_authentication", e.Code)
			assert.Equal(t, claims.ErrAuthentication, e.Reason)
			assert.Equal(t, tt.acr, e.ACRValues)
			assert.Equal(t, tt.maxAge, e.MaxAge)
		})
	}
}

func TestAuthenticationAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		policy := middleware.RequireAuthentication(time.Minute)
		for _, tt := range []struct {
			rule string
			age  time.Duration
			want bool
		}{
			{"now", 0, true},
			{"at the limit", time.Minute, true},
			{"beyond it, within the leeway", 65 * time.Second, true},
			{"beyond the leeway", 66 * time.Second, false},
			{"from the future, within the leeway", -5 * time.Second, true},
			{"from the future, beyond it", -6 * time.Second, false},
		} {
			payload := fmt.Sprintf(`{"auth_time":%d}`, now.Add(-tt.age).Unix())
			assert.Equal(t, tt.want, check(t, payload, policy) == nil, tt.rule)
		}
		payload := fmt.Sprintf(`{"auth_time":%d}`, now.Unix())
		time.Sleep(65 * time.Second)
		assert.Nil(t, check(t, payload, policy))
		time.Sleep(time.Millisecond)
		assert.NotNil(t, check(t, payload, policy), "an authentication ages while its token stays the same")
	})
}

// RFC 9470 section 3: the challenge.
func TestAuthenticationChallenge(t *testing.T) {
	for _, tt := range []struct {
		rule      string
		policies  []middleware.Policy
		challenge string // the parameters of section 3
	}{
		{
			"too weak",
			[]middleware.Policy{middleware.RequireAuthentication(0, "hwk", "mfa")},
			`acr_values="hwk mfa"`,
		},
		{
			"too old",
			[]middleware.Policy{middleware.RequireAuthentication(5 * time.Minute)},
			`max_age="300"`,
		},
		{
			"both",
			[]middleware.Policy{middleware.RequireAuthentication(time.Second, "mfa")},
			`acr_values="mfa", max_age="1"`,
		},
		{
			"with the scopes that the route needs",
			[]middleware.Policy{
				middleware.RequireAuthentication(time.Hour, "mfa"), middleware.AllScopes("read:x", "read:y"),
			},
			`acr_values="mfa", max_age="3600", scope="read:x read:y"`,
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{"acr":"pwd","auth_time":1,"scope":"read:x"}`), func(c *middleware.Config) {
				c.Resource = "https://api.example.test"
			})
			a := serve(t, auth.Require(tt.policies...)(whoami), get("Bearer "+goodToken))
			assert.Equal(t, 401, a.Status)
			assert.Equal(t, `Bearer realm="api", error="insufficient_user_authentication", `+
				`error_description="`+authenticationText+`", `+tt.challenge+
				`, resource_metadata="https://api.example.test/.well-known/oauth-protected-resource"`,
				a.Header.Get("WWW-Authenticate"))
			if age, ok := a.Challenge["max_age"]; ok {
				_, err := strconv.ParseUint(age, 10, 64)
				assert.NoError(t, err, "a non-negative integer")
			}
		})
	}
	t.Run("its parameters belong to its error code", func(t *testing.T) {
		auth := newAuth(t, accepting(t, `{}`))
		protect := auth.Require(middleware.RequireAuthentication(time.Hour, "mfa"))
		for _, field := range []string{"", "Bearer", "Bearer x"} {
			a := serve(t, protect(whoami), get(field))
			assert.NotContains(t, a.Challenge, "acr_values", field)
			assert.NotContains(t, a.Challenge, "max_age", field)
		}
	})
}

func TestAuthenticationAmongPolicies(t *testing.T) {
	all, acr := middleware.AllScopes, func(values ...string) middleware.Policy {
		return middleware.RequireAuthentication(0, values...)
	}
	age := func(maxAge time.Duration) middleware.Policy { return middleware.RequireAuthentication(maxAge) }
	anyOf := middleware.Any
	type policies = []middleware.Policy
	for _, tt := range []struct {
		rule     string
		policies policies
		status   int // for {"acr":"pwd","scope":"a"}
		acr      []string
		maxAge   time.Duration
		scopes   []string
	}{
		{"precedes a missing scope that is declared after it", policies{acr("mfa"), all("b")}, 401, []string{"mfa"}, 0, []string{"b"}},
		{"precedes a missing scope that is declared before it", policies{all("b"), acr("mfa")}, 401, []string{"mfa"}, 0, []string{"b"}},
		{"precedes another denial", policies{deny(), acr("mfa")}, 401, []string{"mfa"}, 0, nil},
		{"precedes a failure", policies{fail(), acr("mfa")}, 401, []string{"mfa"}, 0, nil},
		{"does not matter if it is met", policies{acr("pwd"), all("b")}, 403, nil, 0, []string{"b"}},
		{"does not matter if it is met, declared last", policies{all("b"), acr("pwd")}, 403, nil, 0, []string{"b"}},
		{"the first denial decides on the scopes", policies{deny(), acr("pwd"), all("b")}, 403, nil, 0, nil},
		{"met along with everything", policies{acr("pwd"), all("a")}, 0, nil, 0, nil},

		{"several are all-of", policies{acr("pwd"), acr("mfa")}, 401, []string{"mfa"}, 0, nil},
		{"the acr values that all accept are named", policies{acr("x", "mfa", "hwk"), acr("hwk", "mfa", "y")}, 401, []string{"mfa", "hwk"}, 0, nil},
		{"a demand that is met is named with one that is not", policies{acr("pwd"), age(time.Hour)}, 401, []string{"pwd"}, time.Hour, nil},
		{"the shortest age is named", policies{age(time.Hour), age(time.Minute), age(time.Hour)}, 401, nil, time.Minute, nil},
		{"scopes do not change what is named", policies{age(time.Hour), all("a"), acr("mfa")}, 401, []string{"mfa"}, time.Hour, []string{"a"}},

		{"Any: another alternative allows", policies{anyOf(acr("mfa"), all("a"))}, 0, nil, 0, nil},
		{"Any: it allows although another denies", policies{anyOf(all("b"), acr("pwd"))}, 0, nil, 0, nil},
		{"Any: the first alternative's demands are named", policies{anyOf(acr("mfa"), acr("hwk"))}, 401, []string{"mfa"}, 0, nil},
		{"Any: the first alternative demands it", policies{anyOf(acr("mfa"), all("b"))}, 401, []string{"mfa"}, 0, nil},
		{"Any: the first alternative demands scopes", policies{anyOf(all("b"), acr("mfa"))}, 403, nil, 0, []string{"b"}},
		{"Any: the first alternative names nothing", policies{anyOf(deny(), acr("mfa"))}, 403, nil, 0, nil},
		{"Any: after a denial", policies{all("b"), anyOf(acr("mfa"), deny())}, 401, []string{"mfa"}, 0, []string{"b"}},
		{"Any: a failure is returned", policies{anyOf(acr("mfa"), fail())}, 503, nil, 0, nil},
		{"Any: in Any", policies{anyOf(anyOf(acr("mfa"), deny()), all("b"))}, 401, []string{"mfa"}, 0, nil},
		{"Any: demands that no acr value meets come one after the other", policies{acr("hwk"), anyOf(acr("mfa"), acr("hwk"))}, 401, []string{"hwk"}, 0, nil},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			e := check(t, `{"acr":"pwd","scope":"a"}`, tt.policies...)
			if tt.status == 0 {
				assert.Nil(t, e)
				return
			}
			require.NotNil(t, e)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.acr, e.ACRValues)
			assert.Equal(t, tt.maxAge, e.MaxAge)
			assert.Equal(t, tt.scopes, e.Scopes)
		})
	}
}

// After a denial, only policies that can change the answer are asked.
func TestADenialAsksNoMorePolicies(t *testing.T) {
	asked := 0
	count := middleware.CustomClaims(func(context.Context, struct{}) error { asked++; return nil })
	check(t, `{}`, deny(), count, middleware.RequireAuthentication(0, "mfa"))
	assert.Zero(t, asked)
}

// A PolicyFunc can demand an authentication, depending on the token.
func TestAuthenticationInsideAPolicy(t *testing.T) {
	mfa := middleware.RequireAuthentication(time.Hour, "mfa")
	policy := middleware.PolicyFunc(func(ctx context.Context, c *claims.Claims) error {
		if c.Subject() == "robot" {
			return nil
		}
		return middleware.Authorize(ctx, mfa)
	})
	assert.Nil(t, check(t, `{"sub":"robot"}`, policy))
	e := check(t, `{"sub":"alice"}`, policy, middleware.RequireAuthentication(time.Minute), middleware.AllScopes("a"))
	require.NotNil(t, e)
	assert.Equal(t, 401, e.Status)
	assert.Equal(t, []string{"mfa"}, e.ACRValues)
	assert.Equal(t, time.Minute, e.MaxAge)
	assert.Equal(t, []string{"a"}, e.Scopes)
}

// RFC 9470 section 3: only a token that is valid can be too weak.
func TestAnInvalidTokenIsNotTooWeak(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	h := trusting(t, issuer).Require(middleware.RequireAuthentication(time.Minute, "mfa"))(whoami)
	for rule, token := range map[string]string{
		"expired": issuer.Token(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
		"forged":  jwkstest.TamperClaims(issuer.Token(nil), map[string]any{"acr": "mfa", "auth_time": time.Now().Unix()}),
	} {
		a := serve(t, h, bearer(token))
		assert.Equal(t, 401, a.Status, rule)
		assert.Equal(t, "invalid_token", a.Challenge["error"], rule)
	}
	weak := serve(t, h, bearer(issuer.Token(map[string]any{"acr": "pwd"})))
	assert.Equal(t, "insufficient_user_authentication", weak.Challenge["error"])
	strong := issuer.Token(map[string]any{"acr": "mfa", "auth_time": time.Now().Unix()})
	assert.Equal(t, 200, serve(t, h, bearer(strong)).Status)
}

func TestAuthenticationPanicsWhenDeclared(t *testing.T) {
	for want, declare := range map[string]func(){
		"middleware: RequireAuthentication needs a maxAge or an acr value": func() { middleware.RequireAuthentication(0) },
		"middleware: RequireAuthentication: invalid maxAge -1s: it is in whole seconds, 0 for no limit (RFC 9470 section 3)": func() {
			middleware.RequireAuthentication(-time.Second, "mfa")
		},
		"middleware: RequireAuthentication: invalid maxAge 1.5s: it is in whole seconds, 0 for no limit (RFC 9470 section 3)": func() {
			middleware.RequireAuthentication(1500 * time.Millisecond)
		},
		`middleware: RequireAuthentication: invalid acr value "a b": it is printable ASCII without space, quote and backslash`: func() {
			middleware.RequireAuthentication(0, "mfa", "a b")
		},
	} {
		assert.PanicsWithValue(t, want, declare)
	}
	for _, acr := range []string{"", `a"`, `a\`, "é", "a\n", "\x00"} {
		assert.Panics(t, func() { middleware.RequireAuthentication(time.Minute, acr) }, "%q", acr)
	}
}

func TestAuthenticationOfAnErrorIsACopy(t *testing.T) {
	values := []string{"mfa", "hwk"}
	policy := middleware.RequireAuthentication(0, values...)
	hidden := middleware.PolicyFunc(func(ctx context.Context, _ *claims.Claims) error {
		return middleware.Authorize(ctx, policy)
	})
	values[0] = "changed"
	for _, p := range []middleware.Policy{policy, policy, hidden, hidden} {
		e := check(t, `{}`, p)
		require.NotNil(t, e)
		assert.Equal(t, []string{"mfa", "hwk"}, e.ACRValues)
		e.ACRValues[0] = "changed"
	}
}

// An Error made by hand does not break the challenge.
func TestWriteErrorOfAnAuthentication(t *testing.T) {
	const code = "insufficient_user_authentication"
	auth := newAuth(t, accepting(t, `{}`))
	for _, tt := range []struct {
		rule string
		e    middleware.Error
		want map[string]string
	}{
		{"in full", middleware.Error{ACRValues: []string{"a", "b"}, MaxAge: time.Minute}, map[string]string{"acr_values": "a b", "max_age": "60"}},
		{"nothing demanded", middleware.Error{}, map[string]string{}},
		{"an acr value with a quote", middleware.Error{ACRValues: []string{"a", `b", x="y`}}, map[string]string{}},
		{"an acr value that is empty", middleware.Error{ACRValues: []string{""}}, map[string]string{}},
		{"a negative age", middleware.Error{MaxAge: -time.Minute}, map[string]string{}},
		{"a fraction is rounded down", middleware.Error{MaxAge: 2*time.Second - 1}, map[string]string{"max_age": "1"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			tt.e.Status, tt.e.Code = 401, code
			tt.want["realm"], tt.want["error"], tt.want["error_description"] = "api", code, authenticationText
			assert.Equal(t, tt.want, written(t, auth, &tt.e).Challenge)
		})
	}
	t.Run("another code has no such parameters", func(t *testing.T) {
		e := &middleware.Error{Status: 401, Code: "invalid_token", ACRValues: []string{"a"}, MaxAge: time.Minute}
		a := written(t, auth, e)
		assert.NotContains(t, a.Challenge, "acr_values")
		assert.NotContains(t, a.Challenge, "max_age")
	})
}

package claims_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

func TestClaimRulesAtAnyDepth(t *testing.T) {
	issuer := goodIssuer()
	issuer.ClaimRules = map[string][]any{
		"/https:~1~1sts.example~1/a~0b": {"x", "y"},
		"/verified":                     {true},
		"/sts":                          {nil, "active"},
	}
	nested := func(text string) members { return members{"https://sts.example/": text, "verified": "true"} }
	with := func(name, text string) string {
		changes := nested(`{"a~b":"x"}`)
		changes[name] = text
		return token(changes)
	}
	runVerify(t, []claims.Issuer{issuer}, []verifyCase{
		{"the first", token(nested(`{"a~b":"x"}`)), ""},
		{"the second, beside others", token(nested(`{"b":"z","a~b":"y"}`)), ""},
		{"escaped", token(nested(`{"a\u007eb":"\u0079"}`)), ""},
		{"another value", token(nested(`{"a~b":"z"}`)), claims.ErrMissingClaim},
		{"a longer value", token(nested(`{"a~b":"xx"}`)), claims.ErrMissingClaim},
		{"in another case", token(nested(`{"a~b":"X"}`)), claims.ErrMissingClaim},
		{"an array of the value", token(nested(`{"a~b":["x"]}`)), claims.ErrMissingClaim},
		{"absent", token(nested(`{}`)), claims.ErrMissingClaim},
		{"null", token(nested(`{"a~b":null}`)), claims.ErrMissingClaim},
		{"deeper", token(nested(`{"c":{"a~b":"x"}}`)), claims.ErrMissingClaim},
		{"not in an object", token(nested(`"x"`)), claims.ErrMissingClaim},
		{"in an array", token(nested(`[{"a~b":"x"}]`)), claims.ErrMissingClaim},
		{"the pointer as a name", token(members{"/https:~1~1sts.example~1/a~0b": `"x"`, "verified": "true"}), claims.ErrMissingClaim},
		{"a duplicate", token(nested(`{"a~b":"x","a~b":"z"}`)), claims.ErrMalformed},
		{"false for true", with("verified", "false"), claims.ErrMissingClaim},
		{"a string for true", with("verified", `"true"`), claims.ErrMissingClaim},
		{"a number for true", with("verified", "1"), claims.ErrMissingClaim},
		{"absent for true", with("verified", ""), claims.ErrMissingClaim},
		{"absent, where it may be", with("sts", ""), ""},
		{"null, where it may be", with("sts", "null"), ""},
		{"the value, where it can be absent", with("sts", `"active"`), ""},
		{"another value, where it can be absent", with("sts", `"pending"`), claims.ErrMissingClaim},
		{"empty, where it can be absent", with("sts", `""`), claims.ErrMissingClaim},
		{"null as a string", with("sts", `"null"`), claims.ErrMissingClaim},
		{"an empty object, where it can be absent", with("sts", `{}`), claims.ErrMissingClaim},
	})
}

// nil means absence. A parent that is not an object does not say that the claim is absent.
func TestAbsenceNeedsAnObjectAround(t *testing.T) {
	issuer := goodIssuer()
	issuer.ClaimRules = map[string][]any{"/o/sus": {nil, false}, "/amr/0": {nil, "pwd"}, "/x/y/z": {nil}}
	with := func(name, text string) string { return token(members{name: text}) }
	runVerify(t, []claims.Issuer{issuer}, []verifyCase{
		{"no parents", token(nil), ""},
		{"null for a parent", with("o", "null"), ""},
		{"an empty object", with("o", "{}"), ""},
		{"an object without it", with("o", `{"s":true}`), ""},
		{"null in an object", with("o", `{"sus":null}`), ""},
		{"another allowed value", with("o", `{"sus":false}`), ""},
		{"another value", with("o", `{"sus":true}`), claims.ErrMissingClaim},
		{"in an array", with("o", `[{"sus":true}]`), claims.ErrMissingClaim},
		{"an empty array", with("o", "[]"), claims.ErrMissingClaim},
		{"a string", with("o", `"sus"`), claims.ErrMissingClaim},
		{"an empty string", with("o", `""`), claims.ErrMissingClaim},
		{"a number", with("o", "1"), claims.ErrMissingClaim},
		{"true", with("o", "true"), claims.ErrMissingClaim},
		{"false", with("o", "false"), claims.ErrMissingClaim},
		{"another element of an array", with("amr", `["evil"]`), claims.ErrMissingClaim},
		{"the element of an array, which has no pointer", with("amr", `["pwd"]`), claims.ErrMissingClaim},
		{"a member with the name of an index", with("amr", `{"0":"pwd"}`), ""},
		{"null further in", with("x", `{"y":null}`), ""},
		{"absent further in", with("x", "{}"), ""},
		{"an array further in", with("x", `{"y":[]}`), claims.ErrMissingClaim},
		{"a string around it all", with("x", `"y"`), claims.ErrMissingClaim},
	})
}

func TestClaimRulesCauseNoLookUpOfKeys(t *testing.T) {
	issuer, keys := goodIssuer(), oneKey()
	issuer.Keys, issuer.ClaimRules = keys, map[string][]any{"/a/b": {"x"}, "/a/c": {"x"}}
	_, err := newVerifier(t, issuer).Verify(t.Context(), token(nil))
	requireReason(t, claims.ErrMissingClaim, err)
	require.ErrorContains(t, err, "/a/b", "the first in order")
	assert.Zero(t, keys.asked.Load())
}

func TestClaimRuleMistakes(t *testing.T) {
	for want, rules := range map[string]map[string][]any{
		"ClaimRules is empty but not nil":                                  {},
		`ClaimRules has "sub", which is not a JSON Pointer such as`:        {"sub": {"x"}},
		`ClaimRules has "", which is not a JSON Pointer such as`:           {"": {"x"}},
		`ClaimRules has "/", which is not a JSON Pointer such as`:          {"/": {"x"}},
		`ClaimRules has "/a//b", which is not a JSON Pointer such as`:      {"/a//b": {"x"}},
		`ClaimRules has "/a~b", which is not a JSON Pointer such as`:       {"/a~b": {"x"}},
		`ClaimRules has "/a~", which is not a JSON Pointer such as`:        {"/a~": {"x"}},
		`ClaimRules has no values for "/a"`:                                {"/a": {}},
		`ClaimRules has no values for "/b"`:                                {"/b": nil},
		`ClaimRules has a value for "/a" that is neither a string, a bool`: {"/a": {"x", 1}},
		`ClaimRules has a value for "/b" that is neither a string, a bool`: {"/b": {[]string{"x"}}},
		`ClaimRules has an empty string for "/a"`:                          {"/a": {"x", ""}},
	} {
		issuer := goodIssuer()
		issuer.ClaimRules = rules
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		assert.ErrorContains(t, err, want)
	}
}

func TestMustLimitNeedsARule(t *testing.T) {
	type issuer = claims.Issuer
	for rule, tc := range map[string]struct {
		change func(*issuer)
		ok     bool
	}{
		"none":                  {func(*issuer) {}, false},
		"the first":             {func(i *issuer) { i.ClaimRules = map[string][]any{"/id": {"7"}} }, true},
		"the second, nested":    {func(i *issuer) { i.ClaimRules = map[string][]any{"/k/uid": {"7"}} }, true},
		"another claim":         {func(i *issuer) { i.ClaimRules = map[string][]any{"/ref": {"main"}} }, false},
		"which can be absent":   {func(i *issuer) { i.ClaimRules = map[string][]any{"/id": {"7", nil}} }, false},
		"which is a bool":       {func(i *issuer) { i.ClaimRules = map[string][]any{"/id": {true}} }, false},
		"in ClaimOneOf":         {func(i *issuer) { i.ClaimOneOf = map[string][]string{"id": {"7"}} }, true},
		"in ClaimValues":        {func(i *issuer) { i.ClaimValues = map[string]string{"id": "7"} }, true},
		"another in ClaimOneOf": {func(i *issuer) { i.ClaimOneOf = map[string][]string{"ref": {"main"}} }, false},
		"the pointer as a name": {func(i *issuer) { i.ClaimValues = map[string]string{"/id": "7", "uid": "7"} }, false},
		"only required":         {func(i *issuer) { i.RequiredClaims = []string{"id"} }, false},
		"only of other audiences": {func(i *issuer) {
			i.WithoutAudience = &claims.WithoutAudience{ClientIDs: []string{"7"}, ClaimValues: map[string]string{"id": "7"}}
		}, false},
	} {
		i := goodIssuer()
		i.MustLimit = []string{"/id", "/k/uid"}
		tc.change(&i)
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{i}})
		if tc.ok {
			assert.NoError(t, err, rule)
			continue
		}
		assert.ErrorContains(t, err, `no rule limits whose tokens are accepted: ClaimRules needs "/id" or "/k/uid"`, rule)
	}
	i := goodIssuer()
	i.MustLimit = []string{}
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{i}})
	assert.ErrorContains(t, err, "MustLimit is empty but not nil")
}

func TestClaimRulesAreCopied(t *testing.T) {
	issuer := goodIssuer()
	issuer.ClaimRules = map[string][]any{"/sub": {"alice"}}
	v := newVerifier(t, issuer)
	issuer.ClaimRules["/sub"][0] = "bob"
	issuer.ClaimRules["/x"] = []any{"y"}
	_, err := v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
}

func TestClaimRulesAllocateNothing(t *testing.T) {
	if claims.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	text := token(members{"kubernetes.io": `{"namespace":"shop","serviceaccount":{"name":"x","uid":"7"}}`, "ok": "true"})
	plain, ruled := goodIssuer(), goodIssuer()
	ruled.ClaimRules = map[string][]any{
		"/kubernetes.io/serviceaccount/uid": {"5", "7"}, "/kubernetes.io/namespace": {"shop"}, "/ok": {true}, "/sts": {nil, "active"},
	}
	allocs := func(issuer claims.Issuer) float64 {
		v := verifierWith(t, -1, issuer)
		return testing.AllocsPerRun(200, func() {
			_, err := v.Verify(t.Context(), text)
			require.NoError(t, err)
		})
	}
	assert.Equal(t, allocs(plain), allocs(ruled))
}

func TestExplainShowsClaimRules(t *testing.T) {
	v := newVerifier(t, ownIssuer(func(i *claims.Issuer) {
		i.ClaimRules = map[string][]any{"/k/uid": {"7", "8"}, "/ok": {true}, "/sts": {nil, "active", false}, "/sub": {"alice"}, "/x": {nil}}
	})...)
	step := stepOf(t, explained(t, v, token(members{"k": `{"uid":"9"}`, "ok": "false", "x": "1"}), explain.Options{}), "required_claims")
	assert.Equal(t, explain.Fail, step.Result)
	assert.Equal(t, "/k/uid", step.Detail)
	assert.Equal(t, `/k/uid "7" or "8", ok true, sts "active" or absent or false, sub "alice", x absent`, step.Expected)
	assert.Equal(t, `/k/uid "9", ok false, no sts, sub "alice", x of another type`, step.Received)
	step = stepOf(t, explained(t, v, token(members{"k": `[{"uid":"7"}]`, "ok": "true"}), explain.Options{}), "required_claims")
	assert.Equal(t, explain.Fail, step.Result)
	assert.Equal(t, `/k/uid not in an object, ok true, no sts, sub "alice", no x`, step.Received)
}

// below is a value of ClaimRules that accepts strings with a prefix.
type below string

func (prefix below) Allows(claim string) bool { return strings.HasPrefix(claim, string(prefix)) }

func (prefix below) String() string { return "below " + string(prefix) }

func TestAValueOfAClaimRuleCanDecideAboutStrings(t *testing.T) {
	issuer := goodIssuer()
	issuer.ClaimRules = map[string][]any{"/k/ref": {below("refs/heads/"), "HEAD"}, "/opt": {nil, below("a")}}
	with := func(text string) string { return token(members{"k": text}) }
	runVerify(t, []claims.Issuer{issuer}, []verifyCase{
		{"what it allows", with(`{"ref":"refs/heads/main"}`), ""},
		{"with escapes", with(`{"ref":"\u0072efs/heads/main"}`), ""},
		{"another value of the rule", with(`{"ref":"HEAD"}`), ""},
		{"what it does not allow", with(`{"ref":"refs/tags/main"}`), claims.ErrMissingClaim},
		{"absent", with(`{}`), claims.ErrMissingClaim},
		{"null", with(`{"ref":null}`), claims.ErrMissingClaim},
		{"an array", with(`{"ref":["refs/heads/main"]}`), claims.ErrMissingClaim},
		{"an object", with(`{"ref":{"refs/heads/main":1}}`), claims.ErrMissingClaim},
		{"a number", with(`{"ref":1}`), claims.ErrMissingClaim},
		{"in an array", with(`[{"ref":"refs/heads/main"}]`), claims.ErrMissingClaim},
		{"what it allows, where the claim can be absent", token(members{"k": `{"ref":"HEAD"}`, "opt": `"ab"`}), ""},
		{"what it does not allow, where the claim can be absent", token(members{"k": `{"ref":"HEAD"}`, "opt": `"b"`}), claims.ErrMissingClaim},
	})
	var none *below
	issuer.ClaimRules = map[string][]any{"/ref": {none}}
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	assert.ErrorContains(t, err, "neither a string, a bool nor nil", "a nil pointer")
	issuer.ClaimRules = map[string][]any{"/ref": {below("")}}
	issuer.MustLimit = []string{"/ref"}
	_, err = claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	assert.ErrorContains(t, err, "no rule limits whose tokens are accepted", "it may accept all strings")
}

func TestExplainShowsWhatAValueDecides(t *testing.T) {
	v := newVerifier(t, ownIssuer(func(i *claims.Issuer) {
		i.ClaimRules = map[string][]any{"/ref": {below("refs/heads/"), "HEAD", nil}}
	})...)
	step := stepOf(t, explained(t, v, token(members{"ref": `"refs/tags/v1"`}), explain.Options{}), "required_claims")
	assert.Equal(t, explain.Fail, step.Result)
	assert.Equal(t, `ref "HEAD" or below refs/heads/ or absent`, step.Expected)
	assert.Equal(t, `ref "refs/tags/v1"`, step.Received)
}

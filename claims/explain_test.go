package claims_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// The README's table is the list of steps: the same number, in the same order, with the same
// standards.
func TestExplainHasTheStepsOfTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(readme), "## What is verified")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for line := range strings.Lines(section) {
		if cells := strings.Split(line, "|"); len(cells) == 6 {
			want = append(want, strings.TrimSpace(cells[2]))
		}
	}
	require.Greater(t, len(want), 10)
	want = want[2:] // without the head of the table

	var got, checks []string
	for _, s := range explained(t, newVerifier(t, ownIssuer()...), token(nil), explain.Options{}).Steps {
		got = append(got, strings.NewReplacer(" sections", "", " section", "").Replace(s.Standard))
		checks = append(checks, s.Check)
	}
	assert.Equal(t, want, got)
	assert.Equal(t, "request length segments header alg claims iss typ times aud required_claims key signature cnf validate policies",
		strings.Join(checks, " "), "names do not change between versions")
}

// After the check that decides, all others are made whose inputs are there.
func TestExplainGoesOn(t *testing.T) {
	const afterClaims = "iss typ times aud required_claims key signature cnf validate policies"
	part := strings.Split(token(nil), ".")
	for _, tc := range []struct {
		rule, token      string
		deciding         string // is the first that fails
		fails, unreached string
	}{
		{"a good token", token(nil), "", "", ""},
		{"too long", strings.Repeat("x", 16<<10+1), "length", "length", "segments header alg claims " + afterClaims},
		{"not three segments", "a.b", "segments", "segments", "header alg claims " + afterClaims},
		{"header not base64url", "!." + part[1] + "." + part[2], "segments", "segments", "header alg claims " + afterClaims},
		{"signature not base64url", part[0] + "." + part[1] + ".!", "segments", "segments", "claims " + afterClaims},
		{"header", header(`{"alg":"EdDSA","crit":[]}`), "header", "header", "alg claims " + afterClaims},
		{"alg", header(`{"alg":"HS256"}`), "alg", "alg", "key signature"},
		{"alg, unsigned", b64(`{"alg":"none"}`) + "." + part[1] + ".", "alg", "alg", "key signature"},
		{"alg, and a payload that cannot be read", b64(`{"alg":"none"}`) + ".!.", "alg", "alg", "claims " + afterClaims},
		{"alg, and claims that cannot be read", sign(`{"alg":"HS256"}`, "x"), "alg", "alg claims", afterClaims},
		{"claims", sign(goodHeader, "{}x"), "claims", "claims", afterClaims},
		{"iss", from("https://evil.example/"), "iss", "iss", "typ times aud required_claims key signature validate policies"},
		{"no iss", token(members{"iss": ""}), "iss", "iss", "typ times aud required_claims key signature validate policies"},
		{"a similar iss, and everything wrong", sign(`{"alg":"EdDSA","typ":"x","kid":"x"}`, payload(members{"iss": `"https://issuer.example"`, "exp": "1", "aud": `"x"`, "cnf": `{"jkt":null}`})), "iss", "iss typ times aud key cnf", "signature"},
		{"typ", header(`{"alg":"EdDSA","typ":"x"}`), "typ", "typ", ""},
		{"expired, for another API, with a wrong signature", token(members{"exp": "1", "aud": `"x"`}) + "AAAA", "times", "times aud signature", ""},
		{"unknown key", header(`{"alg":"EdDSA","kid":"x"}`), "key", "key", "signature"},
		{"signature", token(nil) + "AAAA", "signature", "signature", ""},
		{"cnf names no key", token(members{"cnf": `{}`}), "cnf", "cnf", ""},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			r := explained(t, newVerifier(t, ownIssuer()...), tc.token, explain.Options{})
			assert.Equal(t, tc.deciding, r.Deciding())
			assert.Equal(t, tc.fails, results(r, explain.Fail))
			assert.Equal(t, tc.unreached, results(r, explain.NotReached))
			for _, s := range r.Steps {
				assert.Equal(t, s.Result == explain.Fail, s.Reason != "", s.Check)
				assert.NotContains(t, s.Hint, "%!", s.Check)
				if s.Result == explain.NotReached {
					assert.Empty(t, s.Expected+s.Received+s.Detail+s.Hint, s.Check)
				}
			}
		})
	}
}

func TestExplainSaysWhatIsNotRun(t *testing.T) {
	hooked := ownIssuer(func(i *claims.Issuer) {
		i.Validate = func(context.Context, *claims.Claims) error { panic("not for a report") }
	})
	notRun := func(issuers []claims.Issuer, token string, o explain.Options) string {
		return results(explained(t, newVerifier(t, issuers...), token, o), explain.NotRun)
	}
	scopes := explain.Options{Scopes: []string{"read:x"}}
	assert.Equal(t, "request policies", notRun(ownIssuer(), token(nil), explain.Options{}))
	assert.Equal(t, "request", notRun(ownIssuer(), token(nil), scopes))
	assert.Equal(t, "request validate", notRun(hooked, token(nil), scopes))
	assert.Equal(t, "request cnf", notRun(ownIssuer(), token(members{"cnf": `{"jkt":"x"}`}), scopes))
	assert.Equal(t, "request cnf", notRun(ownIssuer(), token(members{"cnf": `{"x":"y","z":null}`}), scopes), "a proof of x may be there")
	assert.Equal(t, "request key signature", notRun([]claims.Issuer{goodIssuer()}, token(nil), scopes), "a set without Peek")
	assert.Equal(t, "request key signature", notRun(keysOf(&claims.UnavailableError{}), token(nil), scopes), "no keys yet")
	assert.Equal(t, "request", notRun(keysOf(&claims.UnavailableError{Err: errors.New("down")}), token(nil), scopes), "an outage")
}

// Explain without Fetch asks nothing that a request asks, and remembers nothing.
func TestExplainChangesNothing(t *testing.T) {
	for _, keys := range []claims.KeySet{peekable("k1"), oneKey()} {
		issuer := goodIssuer()
		issuer.Keys = keys
		v := newVerifier(t, issuer)
		for _, tok := range []string{token(nil), header(`{"alg":"EdDSA","kid":"x"}`), from("https://issuer.example")} {
			explained(t, v, tok, explain.Options{Scopes: []string{"read:x"}})
		}
		entries, _, _ := v.CacheStatus()
		assert.Zero(t, entries)
		switch keys := keys.(type) {
		case *peekSet:
			assert.Zero(t, keys.fetches.Load())
			assert.EqualValues(t, 3, keys.peeks.Load())
		case *keySet:
			assert.Zero(t, keys.asked.Load())
		}
	}
}

func TestExplainFetchesIfAsked(t *testing.T) {
	issuers := ownIssuer()
	keys := issuers[0].Keys.(*peekSet)
	keys.err = &claims.UnavailableError{} // there is nothing before the fetch
	v := newVerifier(t, issuers...)
	assert.Equal(t, "request key signature policies", results(explained(t, v, token(nil), explain.Options{}), explain.NotRun))
	r := explained(t, v, token(nil), explain.Options{Fetch: true})
	assert.EqualValues(t, 1, keys.fetches.Load())
	assert.Equal(t, explain.Pass, stepOf(t, r, "signature").Result)
	explained(t, v, token(members{"iss": `"x"`}), explain.Options{Fetch: true})
	explained(t, v, header(`{"alg":"HS256","kid":"k1"}`), explain.Options{Fetch: true})
	assert.EqualValues(t, 1, keys.fetches.Load(), "no fetch for a token that Verify refuses before")

	type key struct{}
	issuers[0].Keys = &keySet{keys: func(ctx context.Context, _, _ string) ([]claims.Key, error) {
		assert.Equal(t, "v", ctx.Value(key{}))
		return nil, claims.ErrUnknownKey
	}}
	r = newVerifier(t, issuers...).Explain(context.WithValue(t.Context(), key{}, "v"), token(nil), explain.Options{Fetch: true})
	assert.Equal(t, "key", r.Deciding())

	issuers[0].Keys = &keySet{keys: func(context.Context, string, string) ([]claims.Key, error) { return nil, &claims.UnavailableError{} }}
	r = explained(t, newVerifier(t, issuers...), token(nil), explain.Options{Fetch: true})
	assert.Equal(t, "keys_unavailable", stepOf(t, r, "key").Reason, "as for a request")
}

// An iss that is almost that of an issuer still decides, and the report names no issuer.
func TestExplainJudgesBySimilarIssuers(t *testing.T) {
	v := newVerifier(t, ownIssuer()...)
	r := explained(t, v, token(members{"iss": `"https://issuer.example"`, "aud": `"x"`}), explain.Options{})
	assert.Equal(t, "iss", r.Deciding())
	assert.Empty(t, r.Issuer)
	assert.Equal(t, `by the settings of "https://issuer.example/"`, stepOf(t, r, "aud").Detail)
	assert.Equal(t, explain.Fail, stepOf(t, r, "aud").Result)
	assert.Equal(t, explain.Pass, stepOf(t, r, "signature").Result)

	r = explained(t, v, token(nil), explain.Options{})
	assert.Equal(t, issuerURL, r.Issuer)
	assert.Equal(t, now, r.At)
	assert.Empty(t, stepOf(t, r, "aud").Detail)

	// The alg is judged before iss, so it must not decide by the settings of a similar issuer.
	issuers := append(ownIssuer(func(i *claims.Issuer) { i.Algorithms = []string{"RS256"} }), ownIssuer(func(i *claims.Issuer) { i.URL = "https://b.example" })...)
	r = explained(t, newVerifier(t, issuers...), token(members{"iss": `"https://issuer.example"`}), explain.Options{})
	assert.Equal(t, "iss", r.Deciding())
	assert.Equal(t, "key signature", results(r, explain.NotReached), "no key is looked up for an alg that the issuer does not use")
}

// A report is a copy: another one does not change it.
func TestExplainReturnsCopies(t *testing.T) {
	v := newVerifier(t, ownIssuer()...)
	first := explained(t, v, token(nil), explain.Options{})
	first.Steps[0].Check = "x"
	second := explained(t, v, token(nil), explain.Options{})
	assert.Equal(t, "request", second.Steps[0].Check)
}

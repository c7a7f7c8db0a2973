package claims_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// A partner's authorization server decides which scopes it writes into its tokens.
func TestC11ScopesAreLimitedByIssuer(t *testing.T) {
	partner := goodIssuer()
	partner.URL = "https://partner.example/"
	partner.AllowedScopes = []string{"read:x", "read:y"}
	partner.ScopeClaims = [][]string{{"scope"}, {"roles"}}
	v := newVerifier(t, goodIssuer(), partner)
	for _, tc := range []struct {
		changes members
		want    []string
	}{
		{members{"scope": `"admin read:x"`}, []string{"read:x"}},
		{members{"scope": `"admin"`}, nil},
		{members{"scope": `""`}, nil},
		{members{"scope": `null`}, nil},
		{members{"scope": `["admin","read:y","read:x"]`}, []string{"read:y", "read:x"}},
		{members{"scope": `["admin read:x"]`}, nil},
		{members{"scope": `"READ:X read:x\u0000"`}, nil},
		{members{"scope": "", "roles": `["admin","read:x"]`}, []string{"read:x"}},
		{members{"scope": "", "roles": `["admin"]`}, nil},
	} {
		tc.changes["iss"] = `"https://partner.example/"`
		for range 2 { // the second time from the cache
			c, err := v.Verify(t.Context(), token(tc.changes))
			require.NoError(t, err)
			assert.ElementsMatch(t, tc.want, c.Scopes())
			assert.False(t, c.HasScope("admin"))
			for _, scope := range tc.want {
				assert.True(t, c.HasScope(scope))
			}
		}
	}
	c, err := v.Verify(t.Context(), token(members{"scope": `"admin"`}))
	require.NoError(t, err)
	assert.True(t, c.HasScope("admin"), "the other issuer is not limited")
}

func TestMistakesInNewFieldsAreReported(t *testing.T) {
	empty, blank := goodIssuer(), goodIssuer()
	empty.AllowedScopes, empty.RequiredAny, empty.ClaimOneOf = []string{}, []string{}, map[string][]string{}
	blank.AllowedScopes, blank.RequiredAny = []string{"a", ""}, []string{"a", ""}
	for want, issuer := range map[string]claims.Issuer{
		"AllowedScopes is empty but not nil": empty, "RequiredAny is empty but not nil": empty, "ClaimOneOf is empty but not nil": empty,
		"AllowedScopes has an empty scope": blank, "RequiredAny has an empty name": blank,
	} {
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		assert.ErrorContains(t, err, want)
	}
	for _, values := range []map[string][]string{{"": {"a"}}, {"a": nil}, {"a": {}}, {"a": {"b", ""}}} {
		blank.ClaimOneOf = values
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{blank}})
		assert.ErrorContains(t, err, "ClaimOneOf has an empty name, list or value")
	}
}

func TestNewFieldsAreCopied(t *testing.T) {
	issuer := goodIssuer()
	issuer.AllowedScopes = []string{"read:x"}
	issuer.RequiredAny = []string{"sub"}
	issuer.ClaimOneOf = map[string][]string{"sub": {"alice"}}
	v := newVerifier(t, issuer)
	issuer.AllowedScopes[0], issuer.RequiredAny[0], issuer.ClaimOneOf["sub"][0] = "write:x", "x", "x"
	issuer.ClaimOneOf["x"] = []string{"x"}
	c, err := v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"read:x"}, c.Scopes())
}

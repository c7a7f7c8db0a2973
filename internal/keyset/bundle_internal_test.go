package keyset

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func mustParseBundle(t testing.TB, prev *Set, jwks ...string) *Set {
	t.Helper()
	set, err := ParseBundle(jwkset(jwks...), prev)
	require.NoError(t, err)
	return set
}

// SPIFFE Trust Domain and Bundle section 4.2.2: a client must ignore keys without a use or with
// another one. JWT-SVID section 6.1: each key has a kid.
func TestSPIFFEBundleHasOnlyItsSVIDKeys(t *testing.T) {
	for _, tt := range []struct{ jwk, reason string }{
		{p256Members + `,"kid":"a","use":"x509-svid","x5c":["AA=="]`, "use is not jwt-svid"},
		{p256Members + `,"use":"x509-svid","x5c":["AA=="]`, "use is not jwt-svid"},
		{p256Members + `,"kid":"a","use":"sig"`, "use is not jwt-svid"},
		{p256Members + `,"kid":"a","use":"JWT-SVID"`, "use is not jwt-svid"},
		{p256Members + `,"kid":"a","use":""`, "use is not jwt-svid"},
		{p256Members + `,"kid":"a","use":null`, "use is not jwt-svid"},
		{p256Members + `,"kid":"a"`, "use is not jwt-svid"},
		{p256Members + `,"kid":"a","use":["jwt-svid"]`, "use is not a string"},
		{p256Members + `,"use":"jwt-svid"`, "kid is missing"},
		{p256Members + `,"use":"jwt-svid","kid":""`, "kid is missing"},
		{p256Members + `,"use":"jwt-svid","kid":null`, "kid is missing"},
		{p256Members + `,"use":"jwt-svid","kid":7`, "kid is not a string"},
		{p256Members + `,"use":"jwt-svid","kid":"a","d":"AQ"`, "a private key"},
		{rsaOfBits(1024) + `,"use":"jwt-svid","kid":"a"`, "RSA modulus under 2048 bits"},
	} {
		set := mustParseBundle(t, nil, tt.jwk, rsaMembers+`,"use":"jwt-svid","kid":"good"`)
		assert.Equal(t, []string{"good"}, set.KeyIDs(), tt.jwk)
		if assert.Len(t, set.Skipped(), 1, tt.jwk) {
			assert.Equal(t, tt.reason, set.Skipped()[0].Reason, tt.jwk)
		}
		assert.Len(t, candidatesOf(t, set, "RS256", "good"), 1)
		again := mustParseBundle(t, set, rsaMembers+`,"use":"jwt-svid","kid":"good"`)
		assert.Equal(t, set.entries, again.entries, "it keeps its identity")
	}
}

func TestSVIDKeysAreUsedInABundleOnly(t *testing.T) {
	set := mustParse(t, nil, rsaMembers+`,"kid":"good"`,
		p256Members+`,"kid":"svid","use":"jwt-svid"`, p256Members+`,"kid":"ca","use":"x509-svid"`)
	assert.Equal(t, []string{"good"}, set.KeyIDs())
	assert.Equal(t, "use is jwt-svid: see SPIFFEBundle", unusableReason(t, set, "ES256", "svid"))
	assert.Empty(t, unusableReason(t, set, "ES256", "ca"), "it signs certificates")

	set = mustParseBundle(t, nil, p256Members+`,"kid":"oidc","use":"sig"`, p256Members+`,"kid":"ca","use":"x509-svid"`)
	assert.Equal(t, "use is not jwt-svid", unusableReason(t, set, "ES256", "oidc"))
	assert.Empty(t, unusableReason(t, set, "ES256", "ca"), "it signs certificates")
}

// SPIFFE Trust Domain and Bundle section 4.1.3: no usable key means that all were revoked.
func TestSPIFFEBundleCanBeEmpty(t *testing.T) {
	for _, set := range []*Set{mustParseBundle(t, nil), mustParseBundle(t, nil, p256Members+`,"kid":"a"`)} {
		require.NotNil(t, set)
		assert.Zero(t, set.Len())
		require.ErrorIs(t, set.RequireKey(), ErrNoUsableKey)
		_, err := set.Find("ES256", "b")
		require.ErrorIs(t, err, claims.ErrUnknownKey)
	}
	for _, document := range []string{``, `{}`, `{"keys":null}`, `{"keys":[]}x`} {
		set, err := ParseBundle([]byte(document), nil)
		require.Error(t, err)
		require.NotErrorIs(t, err, ErrNoUsableKey)
		assert.Nil(t, set)
	}
}

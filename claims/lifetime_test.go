package claims_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func TestMaxLifetime(t *testing.T) {
	issuer := goodIssuer()
	issuer.MaxLifetime = time.Hour
	lived := func(iat, exp string) string { return token(members{"iat": iat, "exp": exp}) }
	runVerify(t, []claims.Issuer{issuer}, []verifyCase{
		{"shorter", lived(at(-time.Minute), at(time.Minute)), ""},
		{"exactly as long", lived(at(-30*time.Minute), at(30*time.Minute)), ""},
		{"a second longer", lived(at(-30*time.Minute), at(30*time.Minute+time.Second)), claims.ErrMissingClaim},
		{"longer than a duration can be", lived("0", "253402300799"), claims.ErrMissingClaim},
		{"no iat", lived("", at(time.Minute)), claims.ErrMissingClaim},
		{"iat null", lived("null", at(time.Minute)), claims.ErrMissingClaim},
		{"iat in milliseconds", lived(at(0)+"000", at(time.Minute)), claims.ErrMissingClaim},
		{"iat negative", lived("-1", at(time.Minute)), claims.ErrMissingClaim},
		{"iat a string", lived(`"`+at(0)+`"`, at(time.Minute)), claims.ErrMissingClaim},
		{"iat a little ahead, within the leeway", lived(at(5*time.Second), at(time.Minute)), ""},
		{"iat in the future", lived(at(6*time.Second), at(time.Minute)), claims.ErrNotYetValid},
		{"iat just before a distant exp", lived(at(24*time.Hour-time.Minute), at(24*time.Hour)), claims.ErrNotYetValid},
		{"expired, whatever its lifetime", lived(at(-3*time.Hour), at(-time.Minute)), claims.ErrExpired},
	})
}

func TestWithoutMaxLifetimeTokensMayLiveLong(t *testing.T) {
	_, err := newVerifier(t, goodIssuer()).Verify(t.Context(), token(members{"iat": at(-time.Hour), "exp": at(1000 * time.Hour)}))
	require.NoError(t, err)
}

func TestMaxLifetimeCausesNoLookUpOfKeys(t *testing.T) {
	keys := oneKey()
	issuer := goodIssuer()
	issuer.Keys, issuer.MaxLifetime = keys, time.Minute
	_, err := newVerifier(t, issuer).Verify(t.Context(), token(members{"iat": at(0), "exp": at(time.Hour)}))
	requireReason(t, claims.ErrMissingClaim, err)
	assert.Zero(t, keys.asked.Load())
}

// The refusals of a lifetime do not read as if a claim were missing.
func TestMaxLifetimeSaysWhatItRefuses(t *testing.T) {
	issuer := goodIssuer()
	issuer.MaxLifetime = time.Minute
	v := newVerifier(t, issuer)
	for want, changes := range map[string]members{
		"claims: a required claim or value is missing: exp is later than iat and Issuer.MaxLifetime": {"iat": at(0), "exp": at(time.Hour)},
		"claims: a required claim or value is missing: iat, which Issuer.MaxLifetime needs":          {"iat": ""},
		"claims: token is not yet valid: iat is in the future":                                       {"iat": at(time.Hour), "exp": at(2 * time.Hour)},
	} {
		_, err := v.Verify(t.Context(), token(changes))
		require.EqualError(t, err, want)
	}
}

func TestMaxLifetimeMistakes(t *testing.T) {
	for _, lifetime := range []time.Duration{-time.Hour, 3600, time.Second - 1} {
		issuer := goodIssuer()
		issuer.MaxLifetime = lifetime
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		assert.ErrorContains(t, err, "MaxLifetime "+lifetime.String()+" is not at least 1s")
	}
}

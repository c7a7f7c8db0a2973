package revocation_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

func TestTheLifetimeOfAnIssuer(t *testing.T) {
	const url = "https://tenant.example/"
	list := newList(t, revocation.Config{})
	add := func() error {
		return list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: url, ID: "x"})
	}
	assert.Error(t, add(), "not known")
	list.Protect(claims.Issuer{URL: url, MaxLifetime: time.Hour})
	assert.NoError(t, add())
	list.Protect(claims.Issuer{URL: url})
	assert.Error(t, add(), "a later issuer has no limit")
	list.Protect(claims.Issuer{URL: url, MaxLifetime: time.Minute})
	assert.Error(t, add(), "tokens of the other verifier have no limit")
}

func TestTheLongestLifetimeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{})
		for _, d := range []time.Duration{time.Minute, 24 * time.Hour, time.Hour} {
			list.Protect(claims.Issuer{URL: issuerURL, MaxLifetime: d})
		}
		require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: "x"}))
		time.Sleep(24 * time.Hour)
		assert.ErrorIs(t, list.Check(t.Context(), tokenWith(t, `"sid":"x"`)), claims.ErrRevoked)
	})
}

func TestALogoutIssuerThatHasNoLimitElsewhere(t *testing.T) {
	k := newLogoutKit(t, revocation.Config{})
	unlimited := k.accepted
	unlimited.MaxLifetime = 0
	k.list.Protect(unlimited)
	_, err := k.list.LogoutHandler(k.logoutIssuer())
	assert.ErrorContains(t, err, "List.Protect was called with it, and with a MaxLifetime of 0")
	assert.Error(t, k.list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: unlimited.URL, ID: "x"}), "0 stays 0")
}

func TestIssuersThatLeft(t *testing.T) {
	list := newList(t, revocation.Config{})
	add := func(url string) error {
		return list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: url, ID: "x"})
	}
	require.NoError(t, add(otherURL))
	for n := range 1 << 16 {
		if n%1000 == 0 {
			list.Protect(claims.Issuer{URL: issuerURL, MaxLifetime: lifetime})
		}
		list.Protect(claims.Issuer{URL: fmt.Sprintf("https://%d.example/", n), MaxLifetime: lifetime})
	}
	assert.NoError(t, add(issuerURL), "it is protected again and again")
	assert.NoError(t, add("https://65535.example/"))
	assert.ErrorContains(t, add(otherURL), "call List.Protect", "never an entry that is forgotten early")
}

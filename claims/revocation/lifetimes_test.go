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
	assert.NoError(t, add())
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

package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestStatusTellsWhatHappened(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.PublishJWK(`{"kty":"RSA","use":"enc","kid":"encryption","n":"AA","e":"AQAB"}`)
		cache := newCache(t, issuer, atURL(issuer))
		assert.Equal(t, jwks.Status{
			Issuer: issuer.URL(), State: jwks.StateCold, NextRefresh: time.Now(), Host: "issuer.example.test",
		}, cache.Status())

		began := time.Now()
		require.NoError(t, cache.Refresh(t.Context()))
		time.Sleep(time.Minute)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusForbidden, nil, ""))
		failed := time.Now()
		requireUnavailable(t, cache, "junk")
		time.Sleep(time.Minute)

		status := cache.Status()
		assert.Equal(t, jwks.StateFresh, status.State)
		assert.Equal(t, 2*time.Minute, status.Age)
		assert.Equal(t, began, status.LastSuccess)
		assert.Equal(t, failed, status.LastAttempt)
		assert.ErrorContains(t, status.LastError, "status 403")
		assert.Equal(t, http.StatusForbidden, status.LastStatus)
		assert.Equal(t, began.Add(24*time.Hour), status.UsableUntil)
		assert.WithinRange(t, status.NextRefresh, began.Add(13*time.Minute), began.Add(15*time.Minute))
		assert.Equal(t, []string{"known"}, status.KeyIDs)
		assert.Equal(t, 1, status.Keys)
		assert.Empty(t, status.Blocked)
		require.Len(t, status.Skipped, 1)
		assert.Equal(t, "encryption", status.Skipped[0].KeyID)
		assert.Equal(t, [3]uint64{2, 1, 1}, [3]uint64{status.Fetches, status.ForcedFetches, status.FailedFetches})

		status.KeyIDs[0], status.Skipped[0].KeyID = "changed", "changed"
		assert.Equal(t, []string{"known"}, cache.Status().KeyIDs, "it is a copy")
		assert.Equal(t, "encryption", cache.Status().Skipped[0].KeyID)
	})
}

func TestStatusNamesTheHostThatDiscoveryNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.MoveJWKS("https://keys.example.net:8443/jwks.json")
		cache := newCache(t, issuer)
		assert.Empty(t, cache.Status().Host)
		requireKnown(t, cache, "known")
		assert.Equal(t, "keys.example.net", cache.Status().Host)
	})
}

// KeyIDs is empty for a good set whose keys have no kid.
func TestD8StatusCountsUsableKeys(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Retire("known")
		nameless := namedKey("")
		issuer.Publish(nameless)
		issuer.PublishJWK(weakKey)
		cache := newWarmCache(t, issuer)
		status := cache.Status()
		assert.Equal(t, 1, status.Keys)
		assert.Empty(t, status.KeyIDs)
		assert.Len(t, status.Skipped, 1)

		issuer.Publish(namedKey("a"))
		issuer.Publish(namedKey("b"))
		require.NoError(t, cache.Refresh(t.Context()))
		assert.Equal(t, 3, cache.Status().Keys)
		assert.Equal(t, []string{"a", "b"}, cache.Status().KeyIDs)
		cache.Block("a")
		assert.Equal(t, 2, cache.Status().Keys)
	})
}

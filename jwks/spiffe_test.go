package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// publishSVID publishes the key as that of a SPIFFE bundle.
func publishSVID(issuer *jwkstest.Issuer, key jwkstest.Key) {
	jwk := key.JWK()
	jwk["use"] = "jwt-svid"
	issuer.PublishJWK(jwk)
}

// newTrustDomain returns an issuer that publishes a bundle: a key of each use.
func newTrustDomain() *jwkstest.Issuer {
	issuer := newIssuer()
	issuer.Retire("known")
	issuer.PublishJWK(`{"kty":"RSA","use":"x509-svid","n":"AQAB","e":"AQAB","x5c":["AA=="]}`)
	publishSVID(issuer, issuer.SigningKey())
	return issuer
}

func spiffe(c *jwks.Config) { c.SPIFFEBundle = true }

func TestSPIFFEBundleIsTrustedByAnOption(t *testing.T) {
	bubble(t, func(t *testing.T) {
		domain := newTrustDomain()
		cache := newWarmCache(t, domain, spiffe)
		requireKnown(t, cache, "known")
		_, err := verifierOf(t, domain, cache).Verify(t.Context(), domain.Token(nil))
		require.NoError(t, err)
		assert.Equal(t, []string{"known"}, cache.Status().KeyIDs)
		assert.Equal(t, "use is not jwt-svid", cache.Status().Skipped[0].Reason)

		publishSVID(domain, namedKey("new"))
		requireKnown(t, cache, "new")

		without := newCache(t, domain)
		require.ErrorContains(t, without.Refresh(t.Context()), `kid "known": use is jwt-svid: see SPIFFEBundle`)
		requireUnavailable(t, without, "known")

		seeded := newCache(t, domain, spiffe, func(c *jwks.Config) {
			c.Seed, c.SeedTime = domain.Document(), time.Now()
		})
		domain.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusServiceUnavailable, nil, ""))
		requireKnown(t, seeded, "known")
	})
}

// The option has a meaning for a bundle only.
func TestOtherKeysAreRefusedWithSPIFFEBundle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		requireUnusable(t, newWarmCache(t, issuer, spiffe), "known", "use is not jwt-svid")
	})
}

// SPIFFE Trust Domain and Bundle section 4.1.3. The former keys of any other issuer stay in use.
func TestEmptySPIFFEBundleRevokesAllKeys(t *testing.T) {
	bubble(t, func(t *testing.T) {
		domain := newTrustDomain()
		cache := newWarmCache(t, domain, spiffe)
		verifier := verifierOf(t, domain, cache)
		token := longLived(domain)
		_, err := verifier.Verify(t.Context(), token)
		require.NoError(t, err)

		domain.Retire("known")
		time.Sleep(whileRevalidating)
		_, err = verifier.Verify(t.Context(), token)
		require.NoError(t, err, "it starts the refresh")
		time.Sleep(time.Second)
		_, err = verifier.Verify(t.Context(), token)
		require.ErrorIs(t, err, claims.ErrUnknownKey)
		requireUnknown(t, cache, "known")
		assert.Zero(t, cache.Status().Keys)
		require.NoError(t, cache.Status().LastError)
		require.NoError(t, cache.Ready(t.Context()))

		domain.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileStale)
		_, err = verifier.Verify(t.Context(), token)
		require.Error(t, err, "an outage does not bring it back")

		domain.Recover(jwkstest.JWKS)
		publishSVID(domain, domain.SigningKey())
		require.NoError(t, cache.Refresh(t.Context()))
		_, err = verifier.Verify(t.Context(), token)
		require.NoError(t, err)
	})
}

func TestStaticSPIFFEBundle(t *testing.T) {
	domain := newTrustDomain()
	static, err := jwks.StaticSPIFFEBundle(domain.Document())
	require.NoError(t, err)
	_, err = verifierOf(t, domain, static).Verify(t.Context(), domain.Token(nil))
	require.NoError(t, err)

	_, err = jwks.NewStatic(domain.Document())
	require.ErrorContains(t, err, `kid "known": use is jwt-svid: see SPIFFEBundle`)
	_, err = jwks.StaticSPIFFEBundle(newIssuer().Document())
	require.EqualError(t, err, `jwks: key set has no usable key: kid "known": use is not jwt-svid`)
	_, err = jwks.StaticSPIFFEBundle([]byte(`{}`))
	require.EqualError(t, err, "jwks: not a JWK Set: no member keys")
}

package claims_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// The key cache of package jwks is asked without a fetch, in each of its states.
func TestExplainWithTheKeyCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		keys, err := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client()})
		require.NoError(t, err)
		v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{
			{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys},
		}})
		require.NoError(t, err)
		key := func(token string) explain.Step {
			return stepOf(t, explained(t, v, token, explain.Options{}), "key")
		}
		good := issuer.Token(nil)

		assert.Equal(t, explain.NotRun, key(good).Result, "nothing was fetched yet")
		assert.Zero(t, keys.Status().Fetches)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(503, nil, ""))
		_, err = v.Verify(t.Context(), good)
		require.ErrorIs(t, err, claims.ErrKeysUnavailable)
		assert.Equal(t, string(claims.ErrKeysUnavailable), key(good).Reason)
		assert.Contains(t, key(good).Hint, "503")

		issuer.Fail(jwkstest.JWKS, nil)
		require.NoError(t, keys.Refresh(t.Context()))
		fetches := keys.Status().Fetches
		assert.Equal(t, explain.Pass, key(good).Result)
		time.Sleep(3 * time.Minute)
		unknown := key(issuer.Token(nil, jwkstest.Header("kid", "other")))
		assert.Equal(t, string(claims.ErrUnknownKey), unknown.Reason)
		assert.Contains(t, unknown.Hint, "(fresh, 3 min old), next refresh ")
		assert.Equal(t, fetches, keys.Status().Fetches)
	})
}

package connectauth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
)

// The end of a session ends its streams, and no others.
func TestStreamsEndWithTheirSession(t *testing.T) {
	for protocol, options := range protocols {
		t.Run(protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list, err := revocation.New(revocation.Config{})
				require.NoError(t, err)
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				auth := newAuth(t, issuer, func(c *middleware.Config) {
					protected := claims.Issuer{URL: c.Issuer, Audiences: c.Audiences, MaxLifetime: time.Hour}
					c.Issuers, c.Issuer, c.Audiences = []claims.Issuer{list.Protect(protected)}, "", nil
				})
				open := newStreams(t, auth, connectauth.Authenticated(), handlers["waits for its context"])
				token := func(sid string) string { return issuer.Token(map[string]any{"sid": sid}) }
				ours, other := open(t.Context(), token("s"), options...), open(t.Context(), token("other"), options...)
				time.Sleep(10 * time.Minute)
				require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: issuer.URL(), ID: "s"}))
				began := time.Now()
				assert.EqualError(t, drain(ours), "unauthenticated: The access token was revoked")
				assert.LessOrEqual(t, time.Since(began), 31*time.Second)
				assert.EqualError(t, drain(other), "unauthenticated: The access token expired")
				assert.Greater(t, time.Since(began), 49*time.Minute)
				time.Sleep(6 * time.Second) // a fetch that may be under way ends
			})
		})
	}
}

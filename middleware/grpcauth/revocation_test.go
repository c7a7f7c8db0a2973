package grpcauth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
)

// The end of a session ends its streams, and no others.
func TestStreamsEndWithTheirSession(t *testing.T) {
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list, err := revocation.New(revocation.Config{})
				require.NoError(t, err)
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				auth := newAuth(t, issuer, func(c *middleware.Config) {
					protected := claims.Issuer{URL: c.Issuer, Audiences: c.Audiences, MaxLifetime: time.Hour}
					c.Issuers, c.Issuer, c.Audiences = []claims.Issuer{list.Protect(protected)}, "", nil
				})
				open := newStreams(t, auth, grpcauth.Authenticated(), handler)
				token := func(sid string) string { return issuer.Token(map[string]any{"sid": sid}) }
				ours, other := open(t.Context(), token("s")), open(t.Context(), token("other"))
				time.Sleep(10 * time.Minute)
				require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: issuer.URL(), ID: "s"}))
				began := time.Now()
				err = drain(ours)
				assert.LessOrEqual(t, time.Since(began), 31*time.Second)
				assert.Equal(t, codes.Unauthenticated, status.Code(err))
				assert.Equal(t, "The access token was revoked", status.Convert(err).Message())
				assert.Equal(t, "The access token expired", status.Convert(drain(other)).Message())
				assert.Greater(t, time.Since(began), 49*time.Minute)
				time.Sleep(6 * time.Second) // a fetch that may be under way ends
			})
		})
	}
}

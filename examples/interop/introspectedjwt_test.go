//go:build unix

package interop_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// revocableJWTs starts a fosite that issues JWTs, and an API that asks it about each.
func revocableJWTs(t *testing.T, changes ...func(*settings)) (*issuer, *opaqueAPI) {
	t.Helper()
	fosite := providers[2]
	require.Equal(t, "fosite", fosite.name)
	i := fosite.start(t, append([]func(*settings){func(s *settings) { s.API = &apiClient{ID: apiID, Secret: apiSecret} }}, changes...)...)
	return i, serveRevocable(t, i, time.Second)
}

// serveRevocable returns an API that uses each answer for so long.
func serveRevocable(t *testing.T, i *issuer, ttl time.Duration) *opaqueAPI {
	t.Helper()
	issuer := claims.Issuer{URL: i.url, Audiences: []string{audience}, JWKSURL: i.url + "keys"}
	return serveIntrospected(t, i.url+"introspect", issuer, func(c *introspection.Config) { c.OnlyJWT, c.TTL = true, ttl })
}

// A JWT stays valid by its signature when it is revoked. Only its issuer knows.
func TestRevokedJWTIsRefused(t *testing.T) {
	i, api := revocableJWTs(t)
	token := i.token(t, read)
	require.Equal(t, http.StatusOK, api.get(token).Code)
	assert.Equal(t, http.StatusForbidden, api.get(i.token(t, write)).Code)

	revoke(t, i, i.url+"revoke", token)
	eventually(t, func() bool { return api.get(token).Code == http.StatusUnauthorized }, "the revoked token is still accepted")
	assert.Contains(t, api.get(token).Header().Get("WWW-Authenticate"), "invalid_token")
	assert.EqualValues(t, 1, api.opaque.Status().Inactive)
	assert.Equal(t, http.StatusOK, api.get(i.token(t, read)).Code, "another token of the client")
}

func TestAnswersAboutAJWTAreRemembered(t *testing.T) {
	i, _ := revocableJWTs(t)
	api, token := serveRevocable(t, i, 5*time.Minute), i.token(t, read)
	for range 3 {
		require.Equal(t, http.StatusOK, api.get(token).Code)
	}
	assert.EqualValues(t, 1, api.asked.Load())
}

// A JWT that is not valid causes no question, and neither does one for another API.
func TestInvalidJWTIsNotIntrospected(t *testing.T) {
	i, api := revocableJWTs(t)
	good := i.token(t, read)
	other := i.grant(t, read, otherAudience).require(t)
	for _, token := range []string{tamper(t, good), escalate(t, good), unsigned(t, good), other, "opaque-token-of-a-stranger"} {
		assert.Equal(t, http.StatusUnauthorized, api.get(token).Code)
	}
	assert.Zero(t, api.asked.Load())
}

func TestJWTDuringAnOutageOfTheEndpoint(t *testing.T) {
	i, api := revocableJWTs(t)
	token := i.token(t, read)
	require.Equal(t, http.StatusOK, api.get(token).Code)
	i.down()
	eventually(t, func() bool { return api.get(token).Code == http.StatusServiceUnavailable }, "the token is still accepted")
	assert.NotEmpty(t, api.get(token).Header().Get("Retry-After"))
}

// If the session has no jti, fosite makes up one for the token, and another one for each answer. So
// the answer says that it is about another token.
func TestJWTWhoseAnswersHaveANewJTI(t *testing.T) {
	i, api := revocableJWTs(t, func(s *settings) { s.NewJTIs = true })
	assert.Equal(t, http.StatusServiceUnavailable, api.get(i.token(t, read)).Code)
	assert.NotZero(t, api.asked.Load())
}

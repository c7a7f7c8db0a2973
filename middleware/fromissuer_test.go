package middleware_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A partner's token with "sub":"alice" and "scope":"admin" is not the home issuer's alice.
func TestC11FromIssuerPinsTheIssuer(t *testing.T) {
	home := jwkstest.NewIssuer(jwkstest.Config{URL: "https://login.example.test/"})
	partner := jwkstest.NewIssuer(jwkstest.Config{URL: "https://partner.example.test/"})
	config := middleware.Config{Logger: slog.New(slog.DiscardHandler)}
	for _, issuer := range []*jwkstest.Issuer{home, partner} {
		keys, err := jwks.NewStatic(issuer.Document())
		require.NoError(t, err)
		config.Issuers = append(config.Issuers, claims.Issuer{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys})
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	admin := map[string]any{"sub": "alice", "scope": "admin"}
	pinned := auth.Require(middleware.FromIssuer(home.URL()), middleware.AllScopes("admin"))(whoami)
	assert.Equal(t, 200, serve(t, pinned, bearer(home.Token(admin))).Status)
	refused := serve(t, pinned, bearer(partner.Token(admin)))
	assert.Equal(t, 403, refused.Status)
	assert.Empty(t, refused.Challenge["scope"], "no other scope would help")
	refused = serve(t, pinned, bearer(home.Token(map[string]any{"scope": "x"})))
	assert.Equal(t, "admin", refused.Challenge["scope"])

	either := auth.Require(middleware.FromIssuer("https://login.example.test", partner.URL()))(whoami)
	assert.Equal(t, 200, serve(t, either, bearer(partner.Token(nil))).Status)
	assert.Equal(t, 403, serve(t, either, bearer(home.Token(nil))).Status, "a slash is part of the issuer")
}

func TestC11FromIssuerWithoutAnIssuerPanics(t *testing.T) {
	for _, issuers := range [][]string{nil, {}, {""}, {issuerURL, ""}} {
		assert.PanicsWithValue(t, "middleware: FromIssuer needs at least one issuer, and none may be empty",
			func() { middleware.FromIssuer(issuers...) })
	}
	issuers := []string{issuerURL}
	policy := middleware.FromIssuer(issuers...)
	issuers[0] = "https://other.example.test/"
	assert.Nil(t, check(t, `{"iss":"`+issuerURL+`"}`, policy), "the list is copied")
	assert.NotNil(t, check(t, `{}`, policy))
}

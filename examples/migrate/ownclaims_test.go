package migrate_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// PAGE {
type account struct {
	Organisation string   `json:"org_id"`
	Permissions  []string `json:"permissions"`
}

// PAGE }

// A struct without tags worked with other libraries, which ignore case. Here it gets nothing, and
// only CustomClaims says so.
func TestFieldsWithoutTagsGetNothing(t *testing.T) {
	type untagged struct{ Tenant string }
	c, err := claims.ParseUnverified([]byte(`{"tenant":"t1"}`))
	require.NoError(t, err)
	got, err := claims.As[untagged](c)
	require.NoError(t, err)
	assert.Empty(t, got.Tenant)
	assert.Panics(t, func() { middleware.CustomClaims(func(context.Context, untagged) error { return nil }) })
	assert.NotPanics(t, func() {
		// PAGE {
		_ = middleware.CustomClaims(func(context.Context, account) error { return nil })
		// PAGE }
	})
}

type validated struct {
	Level int `json:"level"`
}

func (v validated) Validate() error {
	if v.Level > 2 {
		return errors.New("too high")
	}
	return nil
}

// golang-jwt and auth0 call this method. Here a policy must call it.
func TestValidateOfOwnClaimsIsNotCalled(t *testing.T) {
	issuer, auth := newAuth(t, unchanged)
	token := issuer.Token(map[string]any{"level": 3})
	asks := middleware.CustomClaims(func(context.Context, validated) error { return nil })
	code, _ := status(auth.Require(asks)(served), token)
	assert.Equal(t, http.StatusOK, code)
	// PAGE {
	valid := middleware.CustomClaims(func(_ context.Context, v validated) error { return v.Validate() })
	// PAGE }
	code, _ = status(auth.Require(valid)(served), token)
	assert.Equal(t, http.StatusForbidden, code)
	code, _ = status(auth.Require(valid)(served), issuer.Token(map[string]any{"level": "2"}))
	assert.Equal(t, http.StatusForbidden, code, "a claim of another type")
}

// As with golang-jwt and auth0, it is asked for every token, and its refusal is a 401.
func TestValidateOfTheIssuerCanCallIt(t *testing.T) {
	inMemory := jwkstest.NewIssuer(jwkstest.Config{})
	keys, err := jwks.NewStatic(inMemory.Document())
	require.NoError(t, err)
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL: inMemory.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys,
		// PAGE {
		Validate: func(_ context.Context, c *claims.Claims) error {
			v, err := claims.As[validated](c)
			if err != nil {
				return err
			}
			return v.Validate()
		},
		// PAGE }
	}}})
	require.NoError(t, err)
	for _, tt := range []struct {
		level  any
		status int
	}{{2, http.StatusOK}, {3, http.StatusUnauthorized}, {"2", http.StatusUnauthorized}} {
		code, _ := status(auth.Handler(served), inMemory.Token(map[string]any{"level": tt.level}))
		assert.Equal(t, tt.status, code, tt.level)
	}
}

func TestOwnClaims(t *testing.T) {
	issuer, auth := newAuth(t, unchanged)
	// PAGE {
	ofOrganisation := middleware.CustomClaims(func(_ context.Context, a account) error {
		if a.Organisation != "org_1" {
			return claims.ErrForbidden // 403
		}
		return nil
	})
	handler := auth.Require(ofOrganisation)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := claims.FromContext(r.Context())
		a, err := claims.As[account](token)
		if err != nil {
			http.Error(w, "unexpected claims", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(strings.Join(a.Permissions, " ")))
	}))
	// PAGE }
	code, body := status(handler, issuer.Token(map[string]any{"org_id": "org_1", "permissions": []string{"a", "b"}}))
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, "a b", body)
	code, _ = status(handler, issuer.Token(map[string]any{"org_id": "org_2"}))
	assert.Equal(t, http.StatusForbidden, code)
}

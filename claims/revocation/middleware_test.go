package revocation_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// protected returns an API whose tokens are asked for on a list.
func protected(t *testing.T, list *revocation.List) (*middleware.Middleware, *jwkstest.Issuer) {
	t.Helper()
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: issuerURL})
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{list.Protect(claims.Issuer{URL: issuerURL, Audiences: []string{jwkstest.Audience}, MaxLifetime: 24 * time.Hour})},
		Client:  issuer.Client(), Logger: silent,
	})
	require.NoError(t, err)
	return auth, issuer
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// A remembered token costs no signature check, and is refused at its next request.
func TestRememberedTokensAreRefused(t *testing.T) {
	list := newList(t, revocation.Config{})
	auth, issuer := protected(t, list)
	var remembered bool
	handler := auth.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		remembered = c.Remembered()
	}))
	call := func(token string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request(token))
		return w
	}
	token, other := issuer.Token(map[string]any{"sid": "s"}), issuer.Token(map[string]any{"sid": "other"})
	for range 3 {
		require.Equal(t, http.StatusOK, call(token).Code)
	}
	require.True(t, remembered)
	require.NoError(t, list.Add(t.Context(), session("s")))
	w := call(token)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Contains(t, w.Header().Get("WWW-Authenticate"), `error="invalid_token"`)
	assert.NotContains(t, w.Body.String(), "session")
	assert.Equal(t, http.StatusOK, call(other).Code)
}

// A list that is too old is a 503 that says when to come back, and never a 401.
func TestTheAnswerOfAStaleList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		auth, issuer := protected(t, list)
		handler := auth.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		call := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, request(token))
			return w
		}
		require.Equal(t, http.StatusOK, call().Code)
		server.behave(isDown)
		time.Sleep(61 * time.Second)
		w := call()
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
		assert.Empty(t, w.Header().Get("WWW-Authenticate"))
		server.behave(nil)
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusOK, call().Code)
		time.Sleep(10 * time.Second)
	})
}

// A handler that runs for hours is ended by the next check of its token, or asks by itself.
func TestLongRequestsAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{})
		auth, issuer := protected(t, list)
		guard := auth.GuardAuthenticated()
		long := func(sid string) (*http.Request, context.Context, context.CancelFunc) {
			r, err := guard.Check(request(issuer.Token(map[string]any{"sid": sid, "exp": time.Now().Add(20 * time.Hour).Unix()})))
			require.NoError(t, err)
			ctx, stop := auth.UntilExpiry(r.Context())
			return r, ctx, stop
		}
		r, ctx, stop := long("s")
		defer stop()
		_, other, stopOther := long("other")
		defer stopOther()
		time.Sleep(time.Hour)
		require.NoError(t, ctx.Err())
		require.NoError(t, list.Add(t.Context(), session("s")))

		c, _ := claims.FromContext(r.Context())
		assert.ErrorIs(t, list.Check(t.Context(), c), claims.ErrRevoked, "asked for each message")
		_, err := guard.Check(r)
		assert.ErrorIs(t, err, claims.ErrRevoked, "Guard.Check again")
		began := time.Now()
		<-ctx.Done()
		assert.LessOrEqual(t, time.Since(began), 30*time.Second)
		assert.ErrorIs(t, context.Cause(ctx), claims.ErrRevoked)
		time.Sleep(time.Hour)
		assert.NoError(t, other.Err())
	})
}

package promauth_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

func observed(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*middleware.Config)) (*middleware.Middleware, *promauth.Metrics) {
	t.Helper()
	metrics := promauth.New()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch, Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth, metrics
}

var empty = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// send sends a request with this Authorization field, and returns the status.
func send(h http.Handler, authorization string) int {
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	h.ServeHTTP(w, r)
	return w.Code
}

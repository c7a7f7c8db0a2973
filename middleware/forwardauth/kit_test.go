package forwardauth_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

const (
	gateway  = "10.0.3.7:4711"
	stranger = "192.0.2.1:4711"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24"), netip.MustParsePrefix("2001:db8::/64")}

// A verifierFunc is a fake Verifier.
type verifierFunc func(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error)

func (f verifierFunc) Verify(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error) {
	return f(ctx, token, proofs...)
}

// newAuth returns a Middleware for which each token "good" has these claims. The token "down"
// cannot be verified.
func newAuth(t testing.TB, payload string, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	c, err := claims.ParseUnverified([]byte(payload))
	require.NoError(t, err)
	config := middleware.Config{Logger: slog.New(slog.DiscardHandler)}
	config.Verifier = verifierFunc(func(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
		switch token {
		case "good":
			return c, nil
		case "down":
			return nil, claims.ErrKeysUnavailable
		}
		return nil, claims.ErrSignature
	})
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

// newHandler returns a Handler for gateways of XForwarded, unless config has another Format.
func newHandler(t testing.TB, config forwardauth.Config) *forwardauth.Handler {
	t.Helper()
	if config.Format == 0 {
		config.Format = forwardauth.XForwarded
	}
	config.TrustedProxies = proxies
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := forwardauth.New(config)
	require.NoError(t, err)
	return h
}

// everything is a table that lets all requests without a token through.
func everything(t testing.TB) []forwardauth.Route {
	t.Helper()
	return []forwardauth.Route{{Pattern: "/", Guard: newAuth(t, `{}`).GuardOptional()}}
}

// from returns the request of a gateway with XForwarded, for a client's request with these lines.
func from(peer, method, target string, lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://auth.internal/", nil)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-Method"], r.Header["X-Forwarded-Uri"] = []string{method}, []string{target}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// ask returns the answer to a gateway with XForwarded.
func ask(h http.Handler, method, target string, lines ...string) *httptest.ResponseRecorder {
	return serve(h, from(gateway, method, target, lines...))
}

const bearer = "Authorization: Bearer good"

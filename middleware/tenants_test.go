package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A directory finds one tenant.
type directory struct {
	tenant *claims.Verifier
	url    string
	err    error
}

func (d *directory) Resolve(_ context.Context, iss string) (*claims.Verifier, error) {
	switch {
	case d.err != nil:
		return nil, d.err
	case iss != d.url:
		return nil, claims.ErrIssuer
	}
	return d.tenant, nil
}

func (d *directory) Knows(iss string) bool { return iss == d.url }

type byValue struct{}

func (byValue) Resolve(context.Context, string) (*claims.Verifier, error) {
	return nil, claims.ErrIssuer
}

func newDirectory(t testing.TB) (*directory, *jwkstest.Issuer) {
	t.Helper()
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://tenant.example/"})
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer),
	}}})
	require.NoError(t, err)
	return &directory{tenant: v, url: issuer.URL()}, issuer
}

func TestTenantsAreFoundBesideConfiguredIssuers(t *testing.T) {
	d, tenant := newDirectory(t)
	own := jwkstest.NewIssuer(jwkstest.Config{URL: "https://own.example/"})
	var decided []middleware.Decision
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{URL: own.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, own)}},
		Tenants: d,
		Observe: func(_ context.Context, d middleware.Decision) { decided = append(decided, d) },
	})
	require.NoError(t, err)
	protected := auth.Handler(whoami)
	stranger := jwkstest.NewIssuer(jwkstest.Config{URL: "https://stranger.example/"})
	assert.Equal(t, 200, serve(t, protected, bearer(own.Token(nil))).Status)
	assert.Equal(t, 200, serve(t, protected, bearer(tenant.Token(nil))).Status)
	refused := serve(t, protected, bearer(stranger.Token(nil)))
	assert.Equal(t, 401, refused.Status)
	assert.Equal(t, "The access token is not valid for this API", refused.Challenge["error_description"], "as with several issuers")

	require.Len(t, decided, 3)
	assert.Equal(t, own.URL(), decided[0].Issuer)
	assert.Equal(t, tenant.URL(), decided[1].Issuer)
	assert.Empty(t, decided[2].Issuer)
}

func TestTenantsThatCannotBeFoundOutAre503(t *testing.T) {
	d, tenant := newDirectory(t)
	auth, err := middleware.New(middleware.Config{Tenants: d})
	require.NoError(t, err)
	require.NoError(t, auth.Ready(t.Context()), "no issuer is known before a token names one")
	require.Equal(t, 200, serve(t, auth.Handler(whoami), bearer(tenant.Token(nil))).Status)

	d.err = &claims.UnavailableError{RetryAfter: 7 * time.Second, Err: errors.New("database is down")}
	a := serve(t, auth.Handler(whoami), bearer(tenant.Token(nil)))
	assert.Equal(t, 503, a.Status)
	assert.Equal(t, "7", a.Header.Get("Retry-After"))
	assert.NotContains(t, a.Body, "database")
}

// Whether an authorization server is the issuer of a tenant is not known before a token names it.
func TestReplaceBesideTenantsPublishesWhatTheConfigLists(t *testing.T) {
	d, tenant := newDirectory(t)
	own := jwkstest.NewIssuer(jwkstest.Config{URL: "https://own.example/"})
	issuers := []claims.Issuer{{URL: own.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, own)}}
	auth, err := middleware.New(middleware.Config{
		Issuers: issuers, Tenants: d, Resource: "https://api.example", AuthorizationServers: []string{tenant.URL(), own.URL()},
	})
	require.NoError(t, err)
	handler, err := auth.ResourceMetadata()
	require.NoError(t, err)
	for _, list := range [][]claims.Issuer{issuers, nil} {
		require.NoError(t, auth.Replace(list))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource", nil))
		assert.Contains(t, w.Body.String(), `"authorization_servers":["https://tenant.example/","https://own.example/"]`)
	}
}

func TestTenantsMistakes(t *testing.T) {
	_, err := middleware.New(middleware.Config{Tenants: (*tenants.Resolver)(nil)})
	require.ErrorContains(t, err, "Config.Tenants: a nil *tenants.Resolver")
	_, err = middleware.New(middleware.Config{Tenants: byValue{}})
	require.NoError(t, err, "a type without fields is not nil")
	d, _ := newDirectory(t)
	_, err = middleware.New(middleware.Config{Tenants: d, Verifier: accepting(t, `{}`)})
	require.ErrorContains(t, err, "Config.Tenants: set claims.Config.Resolve of the Verifier")
	_, err = middleware.New(middleware.Config{
		Tenants: d, Resource: "https://api.example", AuthorizationServers: []string{"https://tenant.example/"},
	})
	require.NoError(t, err, "a tenant can be published, although it is not known yet")
	auth, err := middleware.New(middleware.Config{Tenants: d, Resource: "https://api.example"})
	require.NoError(t, err)
	_, err = auth.ResourceMetadata()
	require.ErrorContains(t, err, "needs Config.AuthorizationServers")
}

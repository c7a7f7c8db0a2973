//go:build unix

package interop_test

import (
	"crypto"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// The API as a client of the issuer. The characters need the encoding of RFC 6749 section 2.3.1.
const (
	apiID     = "timesheets:api"
	apiSecret = "the secret+of/the%API: is no secret here"
)

// opaqueProvider starts an oidc-provider that issues opaque tokens, and knows the API.
func opaqueProvider(t *testing.T, changes ...func(*settings)) *issuer {
	t.Helper()
	return oidcProvider(t, append([]func(*settings){func(s *settings) {
		s.Format, s.API = "opaque", &apiClient{ID: apiID, Secret: apiSecret}
	}}, changes...)...)
}

// An opaqueAPI is an API in this process for the opaque tokens of an issuer.
type opaqueAPI struct {
	http.Handler
	opaque *introspection.Introspector
	asked  atomic.Int64 // requests to the endpoint
}

// RoundTrip counts the requests to the endpoint.
func (a *opaqueAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

func serveOpaque(t *testing.T, i *issuer, edits ...func(*introspection.Config)) *opaqueAPI {
	t.Helper()
	return serveIntrospected(t, i.url+"/token/introspection", claims.Issuer{URL: i.url, Audiences: []string{audience}}, edits...)
}

func serveIntrospected(t *testing.T, endpoint string, issuer claims.Issuer, edits ...func(*introspection.Config)) *opaqueAPI {
	t.Helper()
	api := new(opaqueAPI)
	config := introspection.Config{
		Endpoint: endpoint, ClientID: apiID, ClientSecret: []byte(apiSecret), TTL: time.Second,
		Timeout: 10 * time.Second, // the most: a provider on a busy machine can be slow
		Client:  &http.Client{Transport: api}, Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	var err error
	api.opaque, err = introspection.New(config)
	require.NoError(t, err)
	issuer.Opaque = api.opaque
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{issuer}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	api.Handler = auth.RequireScopes(read)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		w.Header().Set("Client", c.ClientID())
	}))
	return api
}

func (a *opaqueAPI) get(token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func TestOpaqueToken(t *testing.T) {
	i := opaqueProvider(t)
	api := serveOpaque(t, i, func(c *introspection.Config) { c.TTL = time.Minute })
	token := i.token(t, read)
	require.NotContains(t, token, ".")
	for range 3 {
		w := api.get(token)
		require.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, clientID, w.Header().Get("Client"))
	}
	assert.EqualValues(t, 1, api.asked.Load())
	assert.Equal(t, http.StatusForbidden, api.get(i.token(t, write)).Code)

	other := api.get(i.grant(t, read, otherAudience).require(t))
	assert.Equal(t, http.StatusUnauthorized, other.Code)
	assert.Contains(t, other.Header().Get("WWW-Authenticate"), wrongAudience)
}

func TestRevokedOpaqueTokenIsRefused(t *testing.T) {
	i := opaqueProvider(t)
	api, token := serveOpaque(t, i), i.token(t, read)
	require.Equal(t, http.StatusOK, api.get(token).Code)
	revoke(t, i, i.url+"/token/revocation", token)
	eventually(t, func() bool { return api.get(token).Code == http.StatusUnauthorized }, "the revoked token is still accepted")
	assert.EqualValues(t, 1, api.opaque.Status().Inactive)
}

// revoke revokes a token of the client at this address (RFC 7009).
func revoke(t *testing.T, i *issuer, address, token string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", address, strings.NewReader(url.Values{"token": {token}}.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(clientID, clientSecret)
	w, err := i.client.Do(r)
	require.NoError(t, err)
	defer w.Body.Close()
	require.Equal(t, http.StatusOK, w.StatusCode)
}

// The provider refuses the API, which says nothing about the token.
func TestWrongSecretOfTheAPIIsNoFaultOfTheToken(t *testing.T) {
	i := opaqueProvider(t)
	api := serveOpaque(t, i, func(c *introspection.Config) { c.ClientSecret = []byte("wrong") })
	w := api.get(i.token(t, read))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
	assert.Empty(t, w.Header().Get("WWW-Authenticate"))
	assert.ErrorContains(t, api.opaque.Status().LastError, "status 401")
}

func TestWaysToAuthenticateTheAPI(t *testing.T) {
	key := newKey(t, "ES256")
	public := key.Public()
	for name, tc := range map[string]struct {
		client apiClient
		edit   func(*introspection.Config)
	}{
		"client_secret_basic": {apiClient{ID: apiID, Secret: apiSecret}, func(*introspection.Config) {}},
		"client_secret_post":  {apiClient{ID: apiID, Secret: apiSecret}, func(c *introspection.Config) { c.SecretInBody = true }},
		"private_key_jwt": {apiClient{ID: apiID, Key: &public}, func(c *introspection.Config) {
			c.ClientSecret, c.SigningKey, c.SigningKeyID = nil, key.Key.(crypto.Signer), key.KeyID
		}},
	} {
		t.Run(name, func(t *testing.T) {
			i := opaqueProvider(t, func(s *settings) { s.API = &tc.client })
			assert.Equal(t, http.StatusOK, serveOpaque(t, i, tc.edit).get(i.token(t, read)).Code)
		})
	}
}

// The provider signs its answers (RFC 9701).
func TestSignedAnswers(t *testing.T) {
	i := opaqueProvider(t)
	keys, err := jwks.New(jwks.Config{Issuer: i.url})
	require.NoError(t, err)
	signed := func(algorithm string) *opaqueAPI {
		return serveOpaque(t, i, func(c *introspection.Config) { c.ResponseAlgorithms, c.ResponseKeys = []string{algorithm}, keys })
	}
	token := i.token(t, read)
	assert.Equal(t, http.StatusOK, signed("ES256").get(token).Code)
	assert.Equal(t, http.StatusUnauthorized, signed("ES256").get("a-guess-of-a-stranger").Code)
	assert.Equal(t, http.StatusServiceUnavailable, signed("PS256").get(token).Code, "signed by another algorithm")
}

// No JWT is a question to the provider, whether it is valid or not.
func TestJWTsAreNotIntrospected(t *testing.T) {
	i := opaqueProvider(t)
	api := serveOpaque(t, i)
	i.Format = ""
	i.apply(t)
	good := i.token(t, read)
	require.Equal(t, 2, strings.Count(good, "."))
	i.Format = "encrypted"
	i.apply(t)
	encrypted := i.token(t, read)
	require.Equal(t, 4, strings.Count(encrypted, "."))
	for _, token := range []string{good, tamper(t, good), escalate(t, good), unsigned(t, good), encrypted} {
		assert.Equal(t, http.StatusUnauthorized, api.get(token).Code)
	}
	assert.Zero(t, api.asked.Load())
}

// A token that is bound to the key of a client is refused as a bearer token. The answer says so
// with token_type and cnf.
func TestBoundOpaqueToken(t *testing.T) {
	i := opaqueProvider(t)
	g := i.grant(t, read, audience)
	g.client = &http.Client{Timeout: patience, Transport: withProof(dpopProof(t, g.config.TokenURL))}
	token := g.require(t)
	w := serveOpaque(t, i).get(token)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Contains(t, w.Header().Get("WWW-Authenticate"), boundToKey)
}

func TestOutageOfTheEndpoint(t *testing.T) {
	i := opaqueProvider(t)
	api := serveOpaque(t, i, func(c *introspection.Config) { c.Timeout = time.Second })
	token := i.token(t, read)
	eventually(t, func() bool { return api.get(token).Code == http.StatusOK }, "no answer within the short timeout")
	i.server.hang()
	eventually(t, func() bool { return api.get(token).Code == http.StatusServiceUnavailable }, "an answer is used for too long")
	i.server.resume()
	eventually(t, func() bool { return api.get(token).Code == http.StatusOK }, "the API does not recover")
}

// Guesses reach the provider at the configured rate only. A token that is in use goes on.
func TestFloodOfGuesses(t *testing.T) {
	const rate = 20
	i := opaqueProvider(t)
	api := serveOpaque(t, i, func(c *introspection.Config) { c.UnknownPerSecond = rate })
	token := i.token(t, read)
	began := time.Now()
	require.Equal(t, http.StatusOK, api.get(token).Code)
	var counts [600]atomic.Int64
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for n := range 250 {
				counts[api.get("a-guess-of-a-stranger-"+strconv.Itoa(worker*1000+n)).Code].Add(1)
			}
		})
	}
	group.Wait()
	require.Equal(t, http.StatusOK, api.get(token).Code)
	most := int64(rate + rate*time.Since(began).Seconds() + 2) // two for the token
	assert.LessOrEqual(t, api.asked.Load(), most)
	assert.Positive(t, counts[http.StatusUnauthorized].Load())
	assert.Positive(t, counts[http.StatusServiceUnavailable].Load())
	assert.EqualValues(t, 2000, counts[http.StatusUnauthorized].Load()+counts[http.StatusServiceUnavailable].Load())
}

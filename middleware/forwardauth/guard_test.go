package forwardauth_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// A refusal of a Guard is, byte by byte, the one that the API would answer without a gateway.
func TestRefusalsAreThoseOfTheMiddleware(t *testing.T) {
	auth := newAuth(t, `{"scope":"read:x"}`, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{Origins: []string{"https://api.example.com"}}
		c.ResourceMetadataURL = "https://api.example.com/.well-known/oauth-protected-resource"
	})
	h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{
		{Pattern: "/read", Guard: auth.Guard(middleware.AllScopes("read:x"))}, {Pattern: "/write", Guard: auth.Guard(middleware.AllScopes("write:x"))},
	}})
	direct := http.NewServeMux()
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is let through") })
	direct.Handle("/read", auth.RequireScopes("read:x")(never))
	direct.Handle("/write", auth.RequireScopes("write:x")(never))
	for _, tt := range []struct {
		rule, method, target string
		authorization        []string
		status, challenges   int
	}{
		{"no token", "GET", "/read", nil, 401, 2},
		{"another scheme", "GET", "/read", []string{"Basic YTpi"}, 401, 2},
		{"a bad token", "GET", "/read", []string{"Bearer bad"}, 401, 1},
		{"a bad token with DPoP", "GET", "/read", []string{"DPoP bad"}, 401, 1},
		{"a malformed token", "GET", "/read", []string{"Bearer a b"}, 400, 1},
		{"two fields", "GET", "/read", []string{"Bearer good", "Bearer good"}, 400, 1},
		{"another scope", "GET", "/write", []string{"Bearer good"}, 403, 1},
		{"no keys", "GET", "/read", []string{"Bearer down"}, 503, 0},
		{"HEAD", "HEAD", "/read", nil, 401, 2},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			asked := from(gateway, tt.method, tt.target)
			plain := httptest.NewRequest(tt.method, tt.target, nil)
			if tt.authorization != nil {
				asked.Header["Authorization"], plain.Header["Authorization"] = tt.authorization, tt.authorization
			}
			got, want := serve(h, asked), serve(direct, plain)
			assert.Equal(t, tt.status, got.Code)
			assert.Len(t, got.Header()["Www-Authenticate"], tt.challenges)
			assert.Equal(t, want.Code, got.Code)
			assert.Equal(t, want.Header(), got.Header())
			assert.Equal(t, want.Body.String(), got.Body.String())
		})
	}
}

// The observer of the Middleware gets each decision of a Guard once, and nothing else.
func TestEachDecisionIsObservedOnce(t *testing.T) {
	var got []middleware.Decision
	auth := newAuth(t, `{"sub":"alice"}`, func(c *middleware.Config) {
		c.Observe = func(_ context.Context, d middleware.Decision) { got = append(got, d) }
	})
	h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{{Pattern: "GET /", Guard: auth.GuardAuthenticated()}}})
	for _, tt := range []struct {
		r       *http.Request
		outcome string
	}{
		{from(gateway, "GET", "/", bearer), "ok"},
		{from(gateway, "GET", "/"), "missing"},
		{from(gateway, "GET", "/", "Authorization: Bearer bad"), "refused"},
		{from(gateway, "GET", "/", "Authorization: Bearer down"), "unavailable"},
		{from(gateway, "POST", "/", bearer), ""},
		{from(gateway, "GET", "//", bearer), ""},
		{from(stranger, "GET", "/", bearer), ""},
	} {
		got = nil
		serve(h, tt.r)
		if tt.outcome == "" {
			assert.Empty(t, got)
			continue
		}
		require.Len(t, got, 1)
		assert.Equal(t, tt.outcome, got[0].Outcome)
		assert.Equal(t, "http", got[0].Transport)
	}
}

// An ErrorHandler gets the client's request, and not that of the gateway.
func TestErrorHandler(t *testing.T) {
	auth := newAuth(t, `{}`, func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *middleware.Error) {
			w.WriteHeader(e.Status)
			_, _ = io.WriteString(w, r.Method+" "+r.RequestURI+" "+r.URL.Path)
		}
	})
	h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{{Pattern: "/", Guard: auth.GuardAuthenticated()}}})
	got := ask(h, "POST", "/a%20b?c")
	assert.Equal(t, 401, got.Code)
	assert.Equal(t, "POST /a%20b?c /a b", got.Body.String())
	assert.Len(t, got.Header()["Www-Authenticate"], 1)
}

// newIssued returns a Middleware for the tokens of an issuer.
func newIssued(t *testing.T, edit func(*middleware.Config)) (*jwkstest.Issuer, *middleware.Middleware) {
	t.Helper()
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler),
	}
	edit(&config)
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return issuer, auth
}

// A proof is for the method and the target of the client's request, in every format.
func TestDPoPChecksTheTarget(t *testing.T) {
	issuer, auth := newIssued(t, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{Origins: []string{"https://api.example.com/v1"}}
	})
	key := jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{"sub": "alice", "cnf": map[string]any{"jkt": key.Thumbprint()}})
	routes := []forwardauth.Route{{Pattern: "/", Guard: auth.GuardAuthenticated()}}
	ways := map[string]func(method, target string) *httptest.ResponseRecorder{}
	proof := ""
	for name, format := range map[string]forwardauth.Format{"nginx": forwardauth.Nginx, "Caddy": forwardauth.XForwarded, "Envoy": forwardauth.Envoy} {
		h := newHandler(t, forwardauth.Config{Format: format, Routes: routes})
		ways[name] = func(method, target string) *httptest.ResponseRecorder {
			own, path := method, target // of the request of Envoy
			if format != forwardauth.Envoy {
				own, path = "GET", "/auth"
			}
			return serve(h, request(own, path, "Authorization: DPoP "+token, "DPoP: "+proof, "X-Original-Method: "+method,
				"X-Original-URI: "+target, "X-Forwarded-Method: "+method, "X-Forwarded-Uri: "+target))
		}
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			proof = jwkstest.Proof(key, "POST", "https://api.example.com/v1/a%20b", token, nil)
			assert.Equal(t, 401, way("GET", "/a%20b").Code, "another method")
			assert.Equal(t, 401, way("POST", "/a").Code, "another path")
			assert.Equal(t, 401, way("POST", "/a%20b/").Code, "a slash at the end")
			assert.Equal(t, 200, way("POST", "/a%20b?c=d").Code, "the query does not count")
			replayed := way("POST", "/a%20b?c=d")
			assert.Equal(t, 401, replayed.Code, "again")
			assert.Contains(t, replayed.Header().Get("Www-Authenticate"), `DPoP realm="api", error="invalid_dpop_proof"`)
			proof = jwkstest.Proof(key, "GET", "https://api.example.com/v1/auth", token, nil)
			assert.Equal(t, 401, way("GET", "/a").Code, "the URL of the auth server")
		})
	}
}

// A nonce is demanded, and renewed, as without a gateway.
func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, auth := newIssued(t, func(c *middleware.Config) {
			c.DPoP = &dpop.Config{
				Origins: []string{"https://api.example.com"},
				Nonces:  &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}, Always: true},
			}
		})
		key := jwkstest.NewKey("ES256")
		token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
		h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{{Pattern: "/", Guard: auth.GuardAuthenticated()}}})
		with := func(nonce string) *httptest.ResponseRecorder {
			proof := jwkstest.Proof(key, "GET", "https://api.example.com/", token, map[string]any{"nonce": nonce})
			return ask(h, "GET", "/", "Authorization: DPoP "+token, "DPoP: "+proof)
		}
		first := with("none")
		assert.Equal(t, 401, first.Code)
		assert.Contains(t, first.Header().Get("Www-Authenticate"), `error="use_dpop_nonce"`)
		nonce := first.Header().Get("DPoP-Nonce")
		require.NotEmpty(t, nonce)
		assert.Equal(t, 200, with(nonce).Code)
		time.Sleep(time.Minute)
		renewed := with(nonce)
		assert.Equal(t, 200, renewed.Code)
		assert.NotEmpty(t, renewed.Header().Get("DPoP-Nonce"))
		assert.NotEqual(t, nonce, renewed.Header().Get("DPoP-Nonce"))
	})
}

// The certificate of the gateway's connection is not that of the client. The field of a gateway
// counts as without this package.
func TestCertificates(t *testing.T) {
	client, own := []byte("the client's certificate"), []byte("the gateway's certificate")
	boundTo := func(issuer *jwkstest.Issuer, der []byte) string {
		hash := sha256.Sum256(der)
		return "Authorization: Bearer " + issuer.Token(map[string]any{
			"cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(hash[:])},
		})
	}
	status := func(auth *middleware.Middleware, lines ...string) int {
		h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{{Pattern: "/", Guard: auth.GuardAuthenticated()}}})
		r := from(gateway, "GET", "/", lines...)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: own}}}
		return serve(h, r).Code
	}

	issuer, fromTLS := newIssued(t, func(c *middleware.Config) { c.MTLS = &mtls.Config{Source: mtls.FromTLS} })
	assert.Equal(t, 401, status(fromTLS, boundTo(issuer, own)))
	assert.Equal(t, 401, status(fromTLS, boundTo(issuer, client)))

	issuer, fromField := newIssued(t, func(c *middleware.Config) {
		c.MTLS = &mtls.Config{Source: mtls.FromFingerprint, Header: "X-Client-Fingerprint", TrustedProxies: proxies}
	})
	hash := sha256.Sum256(client)
	field := "X-Client-Fingerprint: " + hex.EncodeToString(hash[:])
	assert.Equal(t, 200, status(fromField, boundTo(issuer, client), field))
	assert.Equal(t, 401, status(fromField, boundTo(issuer, own), field))
	assert.Equal(t, 401, status(fromField, boundTo(issuer, client)))
}

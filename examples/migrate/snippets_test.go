package migrate_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// The snippets of the page are parts of these tests, so that they compile and run.

// status returns the status of the answer to a request with this token, and its body.
func status(handler http.Handler, token string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder.Code, recorder.Body.String()
}

func TestSharedSecret(t *testing.T) {
	secret := []byte("kJ8#vQ2!mZ5@wX9$rT4%yU7^bN1&cL6*")
	audience := "https://api.example.test"
	// PAGE {
	secrets, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: secret})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL: "https://login.example.com", Audiences: []string{audience},
		Algorithms: []string{"HS256"}, Keys: secrets,
	}}})
	// PAGE }
	require.NoError(t, err)
	issuer := jwkstest.NewIssuer(jwkstest.Config{
		URL: "https://login.example.com", Key: jwkstest.Key{Algorithm: "HS256", Private: secret},
	})
	code, _ := status(auth.Handler(served), issuer.Token(nil))
	assert.Equal(t, http.StatusOK, code)
}

func TestPublicKeyFromAFile(t *testing.T) {
	key := jwkstest.NewKey("RS256")
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://login.example.com", Key: key})
	der, err := x509.MarshalPKIXPublicKey(key.Private.(*rsa.PrivateKey).Public())
	require.NoError(t, err)
	publicKeyPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	audience := jwkstest.Audience
	// PAGE {
	keys, err := jwks.StaticKeys(jwks.PublicKey{Algorithm: "RS256", PEM: publicKeyPEM})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL: "https://login.example.com", Audiences: []string{audience}, Keys: keys,
	}}})
	// PAGE }
	require.NoError(t, err)
	code, _ := status(auth.Handler(served), issuer.Token(nil))
	assert.Equal(t, http.StatusOK, code)
}

func TestFurtherChecks(t *testing.T) {
	inMemory := jwkstest.NewIssuer(jwkstest.Config{})
	issuer, audience := inMemory.URL(), jwkstest.Audience
	// PAGE {
	config := middleware.Config{
		Issuer: issuer, Audiences: []string{audience},
		Leeway:         time.Minute,
		RequiredClaims: []string{"sub", "client_id"},
		Validate: func(_ context.Context, c *claims.Claims) error {
			if strings.HasPrefix(c.Subject(), "test-") {
				return claims.ErrRejected // 401; claims.ErrForbidden is a 403
			}
			return nil
		},
	}
	// PAGE }
	config.Client = inMemory.Client()
	auth, err := middleware.New(config)
	require.NoError(t, err)
	handler := auth.Handler(served)
	code, _ := status(handler, inMemory.Token(map[string]any{"exp": time.Now().Add(-30 * time.Second).Unix()}))
	assert.Equal(t, http.StatusOK, code)
	code, _ = status(handler, inMemory.Token(map[string]any{"sub": "test-1"}))
	assert.Equal(t, http.StatusUnauthorized, code)
}

func newAuth(t *testing.T, change func(*middleware.Config)) (*jwkstest.Issuer, *middleware.Middleware) {
	t.Helper()
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	}
	change(&config)
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return issuer, auth
}

func unchanged(*middleware.Config) {}

// PAGE {
func answer(w http.ResponseWriter, _ *http.Request, err *middleware.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(err.Status) // the challenge and Retry-After are set already
	message := "unauthorized"
	switch {
	case errors.Is(err, middleware.ErrNoToken):
		message = "missing token"
	case errors.Is(err, claims.ErrExpired):
		message = "token expired"
	case err.Status == http.StatusForbidden:
		message = "forbidden"
	case err.Status == http.StatusServiceUnavailable:
		message = "try again later"
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// PAGE }

func TestOwnAnswers(t *testing.T) {
	issuer, auth := newAuth(t, func(config *middleware.Config) { config.ErrorHandler = answer })
	handler := auth.RequireScopes("read:timesheets")(served)
	for _, tt := range []struct {
		token, message string
		status         int
	}{
		{"", "missing token", 401},
		{"junk", "unauthorized", 401},
		{issuer.Token(map[string]any{"exp": 1}), "token expired", 401},
		{issuer.Token(nil), "forbidden", 403},
	} {
		code, body := status(handler, tt.token)
		assert.Equal(t, tt.status, code, tt.message)
		assert.JSONEq(t, `{"message":"`+tt.message+`"}`, body)
	}
}

func TestOwnKeyCache(t *testing.T) {
	issuer, audience := "https://login.example.com", jwkstest.Audience
	// PAGE {
	keys, err := jwks.New(jwks.Config{Issuer: issuer, RefreshAfter: 5 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL: issuer, Audiences: []string{audience}, Leeway: 30 * time.Second, Keys: keys,
	}}})
	// PAGE }
	require.NoError(t, err)
	assert.NotNil(t, auth)
}

func TestWithoutHTTP(t *testing.T) {
	inMemory := jwkstest.NewIssuer(jwkstest.Config{})
	issuer, audience := inMemory.URL(), jwkstest.Audience
	ctx, token := t.Context(), inMemory.Token(nil)
	keys, err := jwks.New(jwks.Config{Issuer: issuer, Client: inMemory.Client()})
	require.NoError(t, err)
	// PAGE {
	verifier, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
		URL: issuer, Audiences: []string{audience},
		Keys: keys, // made by jwks.New(jwks.Config{Issuer: issuer})
	}}})
	if err != nil {
		log.Fatal(err)
	}
	c, err := verifier.Verify(ctx, token)
	if errors.Is(err, claims.ErrKeysUnavailable) {
		log.Print("try again later: the issuer is down")
	}
	// PAGE }
	require.NoError(t, err)
	assert.Equal(t, issuer, c.Issuer())
}

func TestPermissionsAsScopes(t *testing.T) {
	// PAGE {
	issuer := providers.Auth0("tenant.eu.auth0.com", "https://timesheets.example.com")
	issuer.ScopeClaims = [][]string{{"permissions"}}
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{issuer}})
	// PAGE }
	require.NoError(t, err)
	assert.NotNil(t, auth)
}

func TestProtectedRouter(t *testing.T) {
	// PAGE {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/timesheets", nil)
	r.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"scope": "read:timesheets"}))
	// PAGE }
	recorder := httptest.NewRecorder()
	auth.RequireScopes("read:timesheets")(served).ServeHTTP(recorder, r)
	assert.Equal(t, http.StatusOK, recorder.Code)
}

func TestHandlerAlone(t *testing.T) {
	greet := func(w http.ResponseWriter, r *http.Request) {
		token, _ := claims.FromContext(r.Context())
		_, _ = w.Write([]byte(token.Subject()))
	}
	w := httptest.NewRecorder()
	// PAGE {
	c, err := claims.ParseUnverified([]byte(`{"sub":"alice"}`)) // only for tests
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/me", nil)
	greet(w, r.WithContext(claims.NewContext(r.Context(), c)))
	// PAGE }
	assert.Equal(t, "alice", w.Body.String())
}

// A program moves that had one middleware around its router: the inner checks still decide.
func TestOneMiddlewareAroundTheRouter(t *testing.T) {
	issuer, auth := newAuth(t, unchanged)
	mux := http.NewServeMux()
	mux.Handle("GET /", auth.Require(middleware.AllScopes("read:timesheets"),
		middleware.FromIssuer(issuer.URL()))(served))
	handler := auth.Handler(mux)
	for scope, want := range map[string]int{"read:timesheets": http.StatusOK, "other": http.StatusForbidden} {
		code, _ := status(handler, issuer.Token(map[string]any{"scope": scope}))
		assert.Equal(t, want, code, scope)
	}
	code, _ := status(handler, "")
	assert.Equal(t, http.StatusUnauthorized, code)
}

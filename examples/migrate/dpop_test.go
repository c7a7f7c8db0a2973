package migrate_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	auth0jwks "github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const origin = "https://api.example.test"

var served = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// statusesOfAProof sends the same request with the same DPoP proof twice.
func statusesOfAProof(issuer *jwkstest.Issuer, handler http.Handler) []int {
	key := jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
	proof := jwkstest.Proof(key, http.MethodGet, origin+"/me", token, nil)
	var statuses []int
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, origin+"/me", nil)
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", proof)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		statuses = append(statuses, recorder.Code)
	}
	return statuses
}

func TestDPoPProofOfAuth0CanBeUsedTwice(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	address, err := url.Parse(issuer.URL())
	require.NoError(t, err)
	provider, err := auth0jwks.NewCachingProvider(
		auth0jwks.WithIssuerURL(address), auth0jwks.WithCustomClient(issuer.Client()))
	require.NoError(t, err)
	tokens, err := validator.New(
		validator.WithKeyFunc(provider.KeyFunc), validator.WithAlgorithm(validator.ES256),
		validator.WithIssuer(issuer.URL()), validator.WithAudience(jwkstest.Audience))
	require.NoError(t, err)
	auth, err := jwtmiddleware.New(
		jwtmiddleware.WithValidator(tokens), jwtmiddleware.WithDPoPMode(jwtmiddleware.DPoPRequired))
	require.NoError(t, err)
	assert.Equal(t, []int{200, 200}, statusesOfAProof(issuer, auth.CheckJWT(served)))
}

func TestDPoPProofIsUsedOnce(t *testing.T) {
	inMemory := jwkstest.NewIssuer(jwkstest.Config{})
	issuer, audience := inMemory.URL(), jwkstest.Audience
	// PAGE {
	config := middleware.Config{
		Issuer: issuer, Audiences: []string{audience},
		DPoP: &dpop.Config{Origins: []string{"https://api.example.test"}, Required: true},
	}
	// PAGE }
	config.Client = inMemory.Client()
	auth, err := middleware.New(config)
	require.NoError(t, err)
	assert.Equal(t, []int{200, 401}, statusesOfAProof(inMemory, auth.Handler(served)))
}

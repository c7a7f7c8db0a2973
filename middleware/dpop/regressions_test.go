package dpop_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A regression is a published defect of another resource server: a proof that it accepted by
// mistake, with the detail of our refusal, or one that it refused by mistake, with none. Several
// proofs are sent one after the other, and the last one decides.
type regression struct {
	source, defect string
	proofs         []string
	detail         string
}

func TestRegressionsOfOtherServers(t *testing.T) {
	private := clientKey.JWK()
	private["d"] = "AQ"
	once := proof(members{"jti": "one"})
	ed := jwkstest.NewKey("EdDSA")
	for _, r := range []regression{
		{"go-jwt-middleware v3.3 (Auth0)", "a proof can be replayed", []string{once, once}, "the proof was used before"},
		{"go-jwt-middleware v3.3 (Auth0)", "a private jwk", []string{proof(nil, jwkstest.Header("jwk", private))}, "header: jwk: a private key"},
		{"go-jwt-middleware v3.3 (Auth0)", "a query in htu is compared", []string{proof(members{"htu": apiURL + "?a=b"})}, ""},
		{"go-jwt-middleware v3.3 (Auth0)", "htu is not normalised", []string{proof(members{"htu": "HTTPS://API.example.com:443/x/../%6frders"})}, ""},
		{"Spring Security 7.2", "htm without case", []string{proof(members{"htm": "get"})}, "htm is not the method of the request"},
		{"Spring Security 7.2", "htu compared as a string", []string{proof(members{"htu": "https://api.example.com:443/orders"})}, ""},
		{"oauth4webapi 3.8, validateJwtAccessToken", "300 seconds", []string{proof(members{"iat": time.Now().Unix() - 290})}, "iat is too long ago"},
		{"oauth4webapi 3.8, validateJwtAccessToken", "no jti is remembered", []string{once, once}, "the proof was used before"},
		{"opentdf/platform#3582", "htu of a path only", []string{proof(members{"htu": apiTarget})}, "htu: the scheme is not https, or http"},
	} {
		c := newChecker(t, dpop.Config{})
		var err error
		for _, p := range r.proofs {
			err = confirm(c, request(p))
		}
		if r.detail == "" {
			assert.NoError(t, err, "%s: %s", r.source, r.defect)
			continue
		}
		assert.Equal(t, r.detail, refusalOf(t, err).Detail(), "%s: %s", r.source, r.defect)
	}

	// Spring Security 7.2: no EdDSA.
	c := newChecker(t, dpop.Config{})
	p := jwkstest.Proof(ed, http.MethodGet, apiURL, token, nil)
	assert.NoError(t, c.Proof(request(p)).Confirm(t.Context(), token, jktOf(ed)))
}

// Spring Security 7.2 and inji-certify (review of inji/inji-certify#1000): a jti that one client
// has used was lost to all others.
func TestRegressionsForeignID(t *testing.T) {
	c := newChecker(t, dpop.Config{})
	for range 3 {
		key := jwkstest.NewKey("ES256")
		p := jwkstest.Proof(key, http.MethodGet, apiURL, token, members{"jti": "known to all"})
		require.NoError(t, c.Proof(request(p)).Confirm(t.Context(), token, jktOf(key)))
		require.ErrorIs(t, c.Proof(request(p)).Confirm(t.Context(), token, jktOf(key)), dpop.ErrReplay)
	}
}

// wso2 #958: the result of the nonce's check was ignored. quarkus#55916: a nonce took the place of
// the jti. better-auth#10039: the error that asks for a nonce lost the nonce.
func TestRegressionsNonce(t *testing.T) {
	c := newChecker(t, dpop.Config{Nonces: &dpop.Nonces{Secrets: [][]byte{randomSecret()}, Always: true}})
	for _, p := range []string{proof(nil), proof(members{"nonce": "made up"}), proof(members{"nonce": strings.Repeat("A", 27)})} {
		e := refusalOf(t, confirm(c, request(p)))
		assert.Equal(t, useNonce, e.Code)
		assert.NotEmpty(t, e.Nonce)
	}
	once := proof(members{"nonce": nonceOf(t, c)})
	require.NoError(t, confirm(c, request(once)))
	require.ErrorIs(t, confirm(c, request(once)), dpop.ErrReplay)
}

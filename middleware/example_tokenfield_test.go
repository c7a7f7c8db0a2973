package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// Behind Cloudflare Access, the token is in a field of its own. Authorization is not read.
func ExampleConfig_tokenField() {
	const tag = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"
	auth, err := middleware.New(middleware.Config{
		TokenField: providers.CloudflareAccessField,
		Issuers:    []claims.Issuer{providers.CloudflareAccess("acme", tag)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer x")
	auth.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
	fmt.Println(w.Code)
	fmt.Println(w.Body)
	// Output:
	// 401
	// {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no token in the field Cf-Access-Jwt-Assertion"}
}

// Transaction tokens (draft-ietf-oauth-transaction-tokens) go from one service of a trust domain
// to the next. The aud is the trust domain. Their typ is their own, so an access token is not
// accepted in their place. The draft lets them go without iss: here the service that issues them
// must write it.
func ExampleConfig_transactionTokens() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{
		TokenField: "Txn-Token",
		Client:     issuer.Client(), // only here: the issuer is in memory
		Issuers: []claims.Issuer{{
			URL: issuer.URL(), Audiences: []string{jwkstest.Audience},
			TokenTypes: []string{"txntoken+jwt"}, RequiredClaims: []string{"txn", "iat", "sub", "scope", "req_wl"},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	call := func(token string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Txn-Token", token)
		auth.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
		return w.Code
	}
	transaction := map[string]any{"txn": "t-1", "req_wl": "gateway.example"}
	fmt.Println(call(issuer.Token(transaction, jwkstest.Header("typ", "txntoken+jwt"))))
	fmt.Println(call(issuer.Token(nil)))
	// Output:
	// 404
	// 401
}

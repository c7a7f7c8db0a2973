package dpop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A Checker beside a Verifier, as for a transport of its own. A stolen token, or a proof that is
// sent again, is refused.
func ExampleChecker_Proof() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	keys, _ := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client()})
	verifier, _ := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys,
	}}})
	checker, err := dpop.New(dpop.Config{Origins: []string{"https://api.example.com"}})
	if err != nil {
		fmt.Println(err)
		return
	}

	client, thief := jwkstest.NewKey("ES256"), jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": client.Thumbprint()}})
	send := func(field string) error {
		proof := checker.Proof(dpop.Request{Method: http.MethodGet, Target: "/orders?limit=10", Fields: []string{field}})
		_, err := verifier.Verify(context.Background(), token, proof)
		return err
	}

	good := jwkstest.Proof(client, http.MethodGet, "https://api.example.com/orders", token, nil)
	fmt.Println(send(good))
	for _, field := range []string{good, jwkstest.Proof(thief, http.MethodGet, "https://api.example.com/orders", token, nil)} {
		if refused, ok := errors.AsType[*dpop.Error](send(field)); ok {
			fmt.Println(refused.Code, refused.Reason == dpop.ErrReplay, refused.Detail())
		}
	}
	// Output:
	// <nil>
	// invalid_dpop_proof true the proof was used before
	// invalid_token false the proof's key is not the token's
}

// A common mistake: the address at which the server listens behind a proxy. Proofs name the URL
// that clients use.
func ExampleNew() {
	_, err := dpop.New(dpop.Config{
		Origins: []string{"http://10.0.0.7:8080"},
		MaxAge:  -1,
	})
	fmt.Println(err)
	// Output:
	// dpop: invalid Config.Origins: "http://10.0.0.7:8080": http is for loopback only: write the https URL that clients use
	// dpop: invalid Config.MaxAge -1ns: it is not between 0 and 10m0s
}

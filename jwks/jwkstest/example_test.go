package jwkstest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func ExampleNewIssuer() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	client := issuer.Client() // in memory: pass it to the code under test

	response, err := client.Get(issuer.JWKSURL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(issuer.URL(), response.Status, issuer.Count(jwkstest.JWKS))
	// Output:
	// https://issuer.example.test/ 200 OK 1
}

// Each bad token differs from the good one in one place.
func ExampleIssuer_Token() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	tokens := map[string]string{
		"good":             issuer.Token(nil),
		"another audience": issuer.Token(map[string]any{"aud": "https://other.example.test"}),
		"without exp":      issuer.Token(map[string]any{"exp": jwkstest.Absent}),
		"another type":     issuer.Token(nil, jwkstest.Header("typ", "logout+jwt")),
		"unknown key":      issuer.Token(nil, jwkstest.SignedBy(jwkstest.NewKey("ES256"))),
		"unsigned":         issuer.Token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "none"})),
		"tampered":         jwkstest.TamperClaims(issuer.Token(nil), map[string]any{"scope": "admin"}),
	}
	fmt.Println(strings.Count(tokens["good"], "."), strings.HasSuffix(tokens["unsigned"], "."))
	// Output:
	// 2 true
}

// The key set fails twice, in two ways, and then recovers.
func ExampleIssuer_FailNext() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.Respond(http.StatusServiceUnavailable, nil, ""))
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.Truncate())
	for range 3 {
		response, err := issuer.Client().Get(issuer.JWKSURL())
		if err != nil {
			fmt.Println(err)
			continue
		}
		_, err = io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(response.StatusCode, err)
	}
	// Output:
	// 503 <nil>
	// 200 unexpected EOF
	// 200 <nil>
}

// A service asks for a token with its own credentials.
func ExampleClient() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{{
		ID: "uploader", Secret: "secret",
		Grants: map[string][]string{jwkstest.Audience: {"read:timesheets", "write:timesheets"}},
	}}})
	response, err := issuer.Client().PostForm(issuer.TokenURL(), url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {"uploader"},
		"client_secret": {"secret"},
		"audience":      {jwkstest.Audience},
		"scope":         {"delete:timesheets"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(string(body))
	// Output:
	// {"error":"invalid_scope","error_description":"a scope was not granted to the client for this audience"}
}

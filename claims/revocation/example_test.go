package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// An operator ends a session. Its tokens are refused, also those that the verifier remembers.
func ExampleNew() {
	provider := jwkstest.NewIssuer(jwkstest.Config{})
	keys, _ := jwks.New(jwks.Config{Issuer: provider.URL(), Client: provider.Client(), Logger: silent})
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, _ := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{list.Protect(claims.Issuer{
		URL: provider.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys, MaxLifetime: time.Hour,
	})}})

	ctx := context.Background()
	token := provider.Token(map[string]any{"sid": "08a5019c"})
	_, err = verifier.Verify(ctx, token)
	fmt.Println(err)

	ended := revocation.Entry{Kind: revocation.Session, Issuer: provider.URL(), ID: "08a5019c"}
	fmt.Println(list.Add(ctx, ended))
	_, err = verifier.Verify(ctx, token)
	fmt.Println(errors.Is(err, claims.ErrRevoked))

	fmt.Println(list.Remove(ctx, ended)) // it was the wrong one
	_, err = verifier.Verify(ctx, token)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// true
	// <nil>
	// <nil>
}

// A common mistake: an issuer without a MaxLifetime. Nothing says for how long the end of a
// session must be remembered.
func ExampleList_Protect() {
	list, _ := revocation.New(revocation.Config{})
	list.Protect(claims.Issuer{URL: "https://issuer.example.com/"})
	err := list.Add(context.Background(), revocation.Entry{
		Kind: revocation.Session, Issuer: "https://issuer.example.com/", ID: "08a5019c",
	})
	fmt.Println(err)
	// Output:
	// revocation: an entry of kind session must live as long as the longest token of "https://issuer.example.com/": set MaxLifetime of the issuer, and call List.Protect with it
}

// Two processes share a list through a server. do is a function around the client of Valkey or
// Redis: see dpop.Shared.
func ExampleList_Run() {
	do := newFakeServer().do
	api, _ := revocation.New(revocation.Config{Do: do})
	operator, _ := revocation.New(revocation.Config{Do: do})
	issuer := claims.Issuer{URL: "https://issuer.example.com/", MaxLifetime: time.Hour}
	api.Protect(issuer)
	operator.Protect(issuer)

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	_ = operator.Add(ctx, revocation.Entry{Kind: revocation.Subject, Issuer: issuer.URL, ID: "alice"})
	go func() { _ = api.Run(ctx) }() // reads at once what is there, and then each second what is new

	alice, _ := claims.ParseUnverified([]byte(`{"iss":"https://issuer.example.com/","sub":"alice","iat":1790000000}`))
	bob, _ := claims.ParseUnverified([]byte(`{"iss":"https://issuer.example.com/","sub":"bob","iat":1790000000}`))
	fmt.Println(errors.Is(api.Check(ctx, alice), claims.ErrRevoked))
	fmt.Println(api.Check(ctx, bob))
	// Output:
	// true
	// <nil>
}

// The provider tells the API that a user has logged out.
func ExampleList_LogoutHandler() {
	provider := jwkstest.NewIssuer(jwkstest.Config{})
	keys, _ := jwks.New(jwks.Config{Issuer: provider.URL(), Client: provider.Client(), Logger: silent})
	list, _ := revocation.New(revocation.Config{})
	issuer := list.Protect(claims.Issuer{
		URL: provider.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys, MaxLifetime: time.Hour,
	})
	verifier, _ := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	handler, err := list.LogoutHandler(revocation.LogoutIssuer{Issuer: issuer, ClientIDs: []string{"timesheets"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /backchannel-logout", handler)

	logoutToken := provider.Token(map[string]any{
		"aud": "timesheets", "sid": "08a5019c", "exp": time.Now().Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}, jwkstest.Header("typ", "logout+jwt"))
	form := url.Values{"logout_token": {logoutToken}}.Encode()
	r := httptest.NewRequest(http.MethodPost, "/backchannel-logout", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)

	_, err = verifier.Verify(r.Context(), provider.Token(map[string]any{"sid": "08a5019c"}))
	fmt.Println(errors.Is(err, claims.ErrRevoked))
	// Output:
	// 200
	// true
}

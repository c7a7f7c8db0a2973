package main

import (
	"context"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// The snippets of the README are between the markers, so that they compile and run.

var empty = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func TestRoutes(t *testing.T) {
	list, create, reports, me, home, remove := empty, empty, empty, empty, empty, empty
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()

	// README {
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))
	mux.Handle("POST /timesheets", auth.RequireScopes("write:timesheets")(create))
	mux.Handle("GET /reports", auth.Require(middleware.AnyScope("read:reports", "admin"))(reports))
	mux.Handle("DELETE /timesheets/{id}", auth.Require(middleware.Claim("realm_access", "roles").Any("editor"))(remove))
	mux.Handle("GET /me", auth.Handler(me))        // any valid token
	mux.Handle("GET /public", auth.Optional(home)) // also without a token; a bad token is refused
	// README }

	for _, tc := range []struct {
		method, path string
		claims       map[string]any
		status       int
	}{
		{"GET", "/timesheets", map[string]any{"scope": "read:timesheets"}, 200},
		{"POST", "/timesheets", map[string]any{"scope": "read:timesheets"}, 403},
		{"GET", "/reports", map[string]any{"scope": "admin"}, 200},
		{"GET", "/me", nil, 200},
		{"GET", "/public", nil, 200},
		{"DELETE", "/timesheets/1", map[string]any{"realm_access": map[string]any{"roles": []string{"editor"}}}, 200},
		{"DELETE", "/timesheets/1", nil, 403},
	} {
		r := httptest.NewRequest(tc.method, tc.path, nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Token(tc.claims))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != tc.status {
			t.Errorf("%s %s with %v: %d, want %d", tc.method, tc.path, tc.claims, w.Code, tc.status)
		}
	}
}

func TestIssuerInMemory(t *testing.T) {
	recorder, request := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	// README {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"scope": "read:timesheets"}))
	// README }
	auth.RequireScopes("read:timesheets")(empty).ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Errorf("status %d", recorder.Code)
	}
}

func TestRevocation(t *testing.T) {
	ctx := t.Context()
	memory := jwkstest.NewIssuer(jwkstest.Config{})
	keys, err := jwks.NewStatic(memory.Document())
	if err != nil {
		t.Fatal(err)
	}
	issuer := claims.Issuer{URL: memory.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys, MaxLifetime: time.Hour}
	var do func(context.Context, ...string) ([]string, error) // nil: without a server
	protected := func() middleware.Config {
		// README {
		list, err := revocation.New(revocation.Config{Do: do}) // do sends a command to Valkey or Redis; nil: this process only
		if err != nil {
			log.Fatal(err)
		}
		go list.Run(ctx)
		config := middleware.Config{Issuers: []claims.Issuer{list.Protect(issuer)}}
		err = list.Add(ctx, revocation.Entry{Kind: revocation.Subject, Issuer: issuer.URL, ID: "alice"})
		// README }
		if err != nil {
			t.Fatal(err)
		}
		return config
	}()
	auth, err := middleware.New(protected)
	if err != nil {
		t.Fatal(err)
	}
	for subject, status := range map[string]int{"alice": 401, "bob": 200} {
		recorder, request := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Authorization", "Bearer "+memory.Token(map[string]any{"sub": subject}))
		auth.Handler(empty).ServeHTTP(recorder, request)
		if recorder.Code != status {
			t.Errorf("%s: status %d, want %d", subject, recorder.Code, status)
		}
	}
}

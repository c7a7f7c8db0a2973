package main

import (
	"context"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// The snippets of the README are between the markers, so that they compile and run.

var empty = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func TestRoutes(t *testing.T) {
	list, create, reports, me, home, remove, update := empty, empty, empty, empty, empty, empty, empty
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
	mux.Handle("GET /me", auth.Handler(me))        // any valid token
	mux.Handle("GET /public", auth.Optional(home)) // also without a token; a bad token is refused
	// README }

	// README {
	mux.Handle("DELETE /timesheets/{id}", auth.Require(middleware.Claim("realm_access", "roles").Any("editor"))(remove))
	type org struct {
		ID string `json:"org_id"`
	}
	ours := middleware.CustomClaims(func(_ context.Context, o org) error {
		if o.ID != "org_9" {
			return claims.ErrForbidden
		}
		return nil
	})
	mux.Handle("PUT /org", auth.Require(ours)(update))
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
		{"PUT", "/org", map[string]any{"org_id": "org_9"}, 200},
		{"PUT", "/org", map[string]any{"org_id": "org_8"}, 403},
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

func TestAuthorize(t *testing.T) {
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{providers.Auth0("t.auth0.com", "api")}})
	if err != nil {
		t.Fatal(err)
	}
	ran := false
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// README {
		if err := middleware.Authorize(r.Context(), middleware.AllScopes("delete:timesheets")); err != nil {
			auth.Refuse(w, r, err)
			return
		}
		// README }
		ran = true
	})
	recorder, request := httptest.NewRecorder(), httptest.NewRequest("DELETE", "/", nil)
	// README {
	c, err := claims.ParseUnverified([]byte(`{"sub":"alice","scope":"read:timesheets"}`))
	if err != nil {
		t.Fatal(err)
	}
	handler.ServeHTTP(recorder, request.WithContext(claims.NewContext(request.Context(), c)))
	// README }
	if ran || recorder.Code != http.StatusForbidden {
		t.Errorf("ran %v, status %d", ran, recorder.Code)
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

func TestChi(t *testing.T) {
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{providers.Auth0("t.auth0.com", "api")}})
	if err != nil {
		t.Fatal(err)
	}
	r, create := chi.NewRouter(), empty.ServeHTTP
	// README {
	r.Use(auth.Handler)
	r.With(auth.RequireScopes("write:timesheets")).Post("/timesheets", create)
	// README }
	recorder := httptest.NewRecorder()
	r.ServeHTTP(recorder, httptest.NewRequest("POST", "/timesheets", nil))
	if recorder.Code != http.StatusUnauthorized {
		t.Errorf("status %d", recorder.Code)
	}
}

func TestOwnCache(t *testing.T) {
	// README {
	keys, err := jwks.New(jwks.Config{Issuer: "https://tenant.eu.auth0.com/"})
	if err != nil {
		log.Fatal(err)
	}
	issuer := providers.Auth0("tenant.eu.auth0.com", "https://timesheets.example.com")
	issuer.Keys = keys // later: keys.Block("kid of the leaked key")
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{issuer}})
	// README }
	if err != nil || auth == nil {
		t.Fatal(err)
	}
}

func TestProvider(t *testing.T) {
	// README {
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{
		providers.Keycloak("https://id.example.com", "staff", "timesheets"),
	}})
	// README }
	if err != nil || auth == nil {
		t.Fatal(err)
	}
}

package main

import (
	"context"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
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
	mux.Handle("GET /me", auth.Handler(me))        // any valid token
	mux.Handle("GET /public", auth.Optional(home)) // also without a token; a bad token is refused
	// README }

	// README {
	mux.Handle("DELETE /timesheets/{id}", auth.Require(middleware.Claim("realm_access", "roles").Any("editor"))(remove))
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

func TestOperation(t *testing.T) {
	issuer, audiences, registry := "https://issuer.example/", []string{"api"}, prometheus.NewRegistry()
	// README {
	metrics := promauth.New()
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer, Audiences: audiences, Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch,
	})
	if err != nil {
		log.Fatal(err)
	}
	registry.MustRegister(metrics.Collector(auth))
	// README }
	auth.Handler(empty).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	families, err := registry.Gather()
	if err != nil || len(families) == 0 {
		t.Fatal(err)
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
	http := http.NewServeMux()
	var do func(context.Context, ...string) ([]string, error) // nil: without a server
	api := empty
	err = func() error {
		// README {
		list, err := revocation.New(revocation.Config{Do: do}) // do sends a command to Valkey or Redis
		if err != nil {
			log.Fatal(err)
		}
		go list.Run(ctx)
		auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{list.Protect(issuer)}})
		if err != nil {
			log.Fatal(err)
		}
		http.Handle("/", auth.Handler(api))
		err = list.Add(ctx, revocation.Entry{Kind: revocation.Subject, Issuer: issuer.URL, ID: "alice"})
		// README }
		return err
	}()
	if err != nil {
		t.Fatal(err)
	}
	for subject, status := range map[string]int{"alice": 401, "bob": 200} {
		recorder, request := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Authorization", "Bearer "+memory.Token(map[string]any{"sub": subject}))
		http.ServeHTTP(recorder, request)
		if recorder.Code != status {
			t.Errorf("%s: status %d, want %d", subject, recorder.Code, status)
		}
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

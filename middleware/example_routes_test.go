package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// Browsers send a preflight without a token, so CORS must be around the protection. There it
// also covers refusals, so that a page can read the challenge.
func Example_cors() {
	auth := newExampleAuth(jwkstest.NewIssuer(jwkstest.Config{}))
	cors := func(next http.Handler) http.Handler { // or a package for it
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "https://app.example.com")
			w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate")
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Headers", "Authorization")
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}

	call(cors(auth.Handler(whoami)), "OPTIONS", "/", "")
	call(cors(auth.Handler(whoami)), "GET", "/", "")
	call(auth.Handler(cors(whoami)), "OPTIONS", "/", "") // the wrong order
	// Output:
	// 204
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api"
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api"
}

// A websocket begins as a GET, and is refused like any GET, before the upgrade. UntilExpiry
// ends it with its token, also if that is revoked.
//
// Pages cannot set the Authorization field of a websocket. Do not put the token into the URL
// (RFC 9700 section 4.3.2). Let an ordinary request return a ticket instead: random, and
// valid for one connection within seconds.
func ExampleMiddleware_UntilExpiry() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	chat := func(ctx context.Context, w http.ResponseWriter, _ *http.Request) {
		_, limited := ctx.Deadline()
		w.WriteHeader(http.StatusSwitchingProtocols) // upgrader.Upgrade(w, r, nil), and then the messages
		fmt.Fprint(w, "ends with its token: ", limited)
	}
	h := auth.RequireScopes("chat")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := auth.UntilExpiry(r.Context())
		defer stop()
		chat(ctx, w, r)
	}))

	call(h, "GET", "/chat", "Bearer "+issuer.Token(map[string]any{"scope": "chat"}))
	call(h, "GET", "/chat", "")
	// Output:
	// 101 ends with its token: true
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api", scope="chat"
}

// With http.ServeMux, each route is one line, and handlers find path values as always.
func Example_serveMux() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	get := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "timesheet ", r.PathValue("id")) })
	put := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "stored ", r.PathValue("id")) })

	mux := http.NewServeMux()
	mux.Handle("GET /timesheets/{id}", auth.RequireScopes("read:timesheets")(get)) // and HEAD
	mux.Handle("PUT /timesheets/{id}", auth.RequireScopes("write:timesheets")(put))
	mux.Handle("/", auth.Handler(http.NotFoundHandler())) // callers do not learn which paths exist

	reader := "Bearer " + issuer.Token(map[string]any{"scope": "read:timesheets"})
	call(mux, "GET", "/timesheets/7", reader)
	call(mux, "PUT", "/timesheets/7", reader)
	call(mux, "DELETE", "/timesheets/7", "")
	// Output:
	// 200 timesheet 7
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope","error_description":"The request requires higher privileges than the access token provides"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="write:timesheets"
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api"
}

// What all routes of a part need goes around its router. What one route needs in addition
// goes on the route. The token is verified once.
func Example_subrouter() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	admin := http.NewServeMux()
	admin.Handle("GET /users", whoami)
	admin.Handle("DELETE /users", auth.RequireScopes("delete:users")(whoami))

	root := http.NewServeMux()
	root.Handle("/admin/", http.StripPrefix("/admin", auth.RequireScopes("admin")(admin)))
	root.Handle("/public/", http.NotFoundHandler())

	call(root, "GET", "/admin/users", "Bearer "+issuer.Token(map[string]any{"sub": "alice", "scope": "admin"}))
	call(root, "DELETE", "/admin/users", "Bearer "+issuer.Token(map[string]any{"sub": "bob", "scope": "admin delete:users"}))
	call(root, "DELETE", "/admin/users", "Bearer "+issuer.Token(map[string]any{"scope": "delete:users"}))
	// Output:
	// 200 subject alice
	// 200 subject bob
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope","error_description":"The request requires higher privileges than the access token provides"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="admin"
}

// inMemory returns a transport that calls a handler instead of using a network.
func inMemory(h http.Handler) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result(), nil
	})
}

// Behind a reverse proxy, the API verifies the token that the proxy forwards.
//
// A proxy can also verify the token itself. It should then not forward the token to a
// backend for which it is not meant (RFC 9700 section 4.9). It must replace the fields that
// the backend trusts, and only the proxy may reach the backend.
func Example_reverseProxy() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	backend := &url.URL{Scheme: "http", Host: "backend.internal"}
	api := auth.Handler(whoami) // in another process
	forwarding := &httputil.ReverseProxy{
		Transport: inMemory(api),
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(backend) }, // keeps Authorization
	}

	trusting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // in another process
		fmt.Fprintf(w, "X-Subject: %s, Authorization: %q", r.Header.Get("X-Subject"), r.Header.Get("Authorization"))
	})
	stripping := auth.Handler(&httputil.ReverseProxy{
		Transport: inMemory(trusting),
		Rewrite: func(r *httputil.ProxyRequest) {
			c, _ := claims.FromContext(r.In.Context())
			r.SetURL(backend)
			r.Out.Header.Del("Authorization")
			r.Out.Header.Set("X-Subject", c.Subject())
		},
	})

	alice := "Bearer " + issuer.Token(map[string]any{"sub": "alice"})
	call(forwarding, "GET", "/", alice)
	call(forwarding, "GET", "/", "") // with the challenge of the API
	call(stripping, "GET", "/", alice)
	// Output:
	// 200 subject alice
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api"
	// 200 X-Subject: alice, Authorization: ""
}

// Probes have no token. Liveness must not depend on the issuer: otherwise its outage would
// restart all servers, which then have no keys. Readiness should depend on the keys.
func Example_health() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.Fail(jwkstest.Discovery, jwkstest.Respond(404, nil, "")) // does not exist yet
	issuer.Fail(jwkstest.Metadata, jwkstest.Respond(404, nil, ""))
	keys, err1 := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client()})
	auth, err2 := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys}},
	})
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", auth.Handler(whoami))
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if keys.Ready(r.Context()) != nil { // its text is for the log
			http.Error(w, "no keys", http.StatusServiceUnavailable)
		}
	})

	call(mux, "GET", "/healthz", "")
	call(mux, "GET", "/readyz", "")
	// Output:
	// 200
	// 503 no keys
}

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// call sends a request with an Authorization field, or without one for "", and prints the
// answer.
func call(h http.Handler, method, path, authorization string) {
	r := httptest.NewRequest(method, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
	if challenge := w.Header().Get("WWW-Authenticate"); challenge != "" {
		fmt.Println("WWW-Authenticate:", challenge)
	}
}

// newExampleAuth returns a Middleware for an issuer in this process. Only Client is set
// because of that.
func newExampleAuth(issuer *jwkstest.Issuer) *middleware.Middleware {
	auth, err := middleware.New(middleware.Config{
		Issuer:    issuer.URL(),
		Audiences: []string{jwkstest.Audience},
		Client:    issuer.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return auth
}

func Example() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // instead of a real one
	auth, err := middleware.New(middleware.Config{
		Issuer:    issuer.URL(),
		Audiences: []string{jwkstest.Audience},
		Client:    issuer.Client(),
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		fmt.Fprintf(w, "timesheets of %s", c.Subject())
	})
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))

	token := issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets"})
	call(mux, "GET", "/timesheets", "Bearer "+token)
	// Output: 200 timesheets of alice
}

func ExampleNew() {
	_, err := middleware.New(middleware.Config{
		Issuer: "http://issuer.example.com",
		Realm:  "timesheets\n",
	})
	fmt.Println(err) // all mistakes together

	// Output:
	// middleware: invalid Config.Realm "timesheets\n": it must be printable ASCII
	// middleware: invalid Config.Audiences []: at least one is required, and none may be empty
	// middleware: invalid Config.Issuer "http://issuer.example.com": jwks: invalid Config.Issuer "http://issuer.example.com": https is required; to allow http, name the host in Config.InsecureHTTPHosts
}

func ExampleMiddleware_RequireScopes() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	h := auth.RequireScopes("write:timesheets")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	call(h, "POST", "/", "")
	call(h, "POST", "/", "Bearer "+issuer.Token(map[string]any{"scope": "read:timesheets"}))
	// Output:
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api", scope="write:timesheets"
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope","error_description":"The request requires higher privileges than the access token provides"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="write:timesheets"
}

func ExampleMiddleware_Require() {
	auth := newExampleAuth(jwkstest.NewIssuer(jwkstest.Config{}))
	type orgClaims struct {
		Org string `json:"org_id"`
	}
	ofAcme := middleware.CustomClaims(func(_ context.Context, c orgClaims) error {
		if c.Org != "org_acme" { // also without the claim
			return errors.New("another organisation")
		}
		return nil
	})
	admin := middleware.Any(middleware.AllScopes("admin"), middleware.AllScopes("read:x", "write:x"))

	protect := auth.Require(ofAcme, admin) // both
	_ = protect(http.NotFoundHandler())
}

func ExampleMiddleware_Optional() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	h := auth.Optional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := claims.FromContext(r.Context())
		if !ok {
			fmt.Fprint(w, "hello, stranger")
			return
		}
		fmt.Fprintf(w, "hello, %s", c.Subject())
	}))

	call(h, "GET", "/", "")
	call(h, "GET", "/", "Bearer "+issuer.Token(map[string]any{"sub": "alice"}))
	call(h, "GET", "/", "Bearer expired-or-otherwise-bad") // is refused, and is no stranger
	// Output:
	// 200 hello, stranger
	// 200 hello, alice
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"error":"invalid_token","error_description":"The access token is malformed"}
	// WWW-Authenticate: Bearer realm="api", error="invalid_token", error_description="The access token is malformed"
}

// Routers whose middleware is a func(http.Handler) http.Handler, such as chi, need no
// adapter. The token is verified once, around the router; each route checks scopes.
func Example_router() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	routes := http.NewServeMux()
	route := func(pattern string, protect func(http.Handler) http.Handler) { // r.With(protect).Get(pattern, …)
		routes.Handle(pattern, protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, pattern)
		})))
	}
	route("GET /timesheets", auth.RequireScopes("read:timesheets"))
	route("POST /timesheets", auth.RequireScopes("write:timesheets"))
	root := http.NewServeMux()
	root.Handle("/", auth.Handler(routes)) // r.Use(auth.Handler)
	root.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})

	reader := "Bearer " + issuer.Token(map[string]any{"scope": "read:timesheets"})
	call(root, "GET", "/timesheets", reader)
	call(root, "GET", "/healthz", "")
	// Output:
	// 200 GET /timesheets
	// 200
}

// A decision that depends on the object of the request is made in the handler.
func ExampleAuthorize() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	h := auth.RequireScopes("read:timesheets")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		if owner := r.URL.Query().Get("of"); owner != c.Subject() {
			if err := middleware.Authorize(r.Context(), middleware.AllScopes("read:all-timesheets")); err != nil {
				auth.Refuse(w, r, err)
				return
			}
		}
		fmt.Fprint(w, "here you are")
	}))

	alice := "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets"})
	call(h, "GET", "/?of=alice", alice)
	call(h, "GET", "/?of=bob", alice)
	// Output:
	// 200 here you are
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope","error_description":"The request requires higher privileges than the access token provides"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="read:timesheets read:all-timesheets"
}

// A handler can be tested without a token and without a Middleware.
func ExampleAuthorize_testing() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := middleware.Authorize(r.Context(), middleware.AnyScope("admin", "read:x"))
		fmt.Fprint(w, "allowed: ", err == nil)
	})

	c, err := claims.ParseUnverified([]byte(`{"sub":"alice","scope":"read:x"}`))
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(claims.NewContext(r.Context(), c)))
	fmt.Println(w.Body)
	// Output: allowed: true
}

// A protected router can be tested with a fake Verifier.
func ExampleVerifier() {
	auth, err := middleware.New(middleware.Config{Verifier: fakeVerifier{}})
	if err != nil {
		log.Fatal(err)
	}
	call(auth.RequireScopes("read:x")(whoami), "GET", "/", "Bearer alice")
	// Output: 200 subject alice
}

// fakeVerifier accepts every token as the name of the subject.
type fakeVerifier struct{}

func (fakeVerifier) Verify(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
	return claims.ParseUnverified(fmt.Appendf(nil, `{"sub":%q,"scope":"read:x"}`, token))
}

// Adapters to other routers and transports use a Guard.
func ExampleGuard_Check() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	guard := auth.Guard(middleware.AllScopes("read:x"))

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"scope": "read:y"}))
	_, err := guard.Check(r)

	var refused *middleware.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code, string(refused.Reason), refused.Scopes)
	}
	fmt.Println(errors.Is(err, claims.ErrForbidden))
	// Output:
	// 403 insufficient_scope forbidden [read:x]
	// true
}

func ExampleGuard_Authenticate() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	guard := newExampleAuth(issuer).GuardAuthenticated()

	metadata := map[string][]string{ // of a message, an RPC, …
		"authorization": {"Bearer " + issuer.Token(map[string]any{"sub": "worker"})},
	}
	ctx, err := guard.Authenticate(context.Background(), middleware.Request{
		Authorization: metadata["authorization"],
	})
	if err != nil {
		log.Fatal(err)
	}
	c, _ := claims.FromContext(ctx)
	fmt.Println(c.Subject())
	// Output: worker
}

// An adapter translates an Answer into the terms of its transport.
func ExampleMiddleware_Answer() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	guard := auth.Guard(middleware.AllScopes("read:x"))

	_, err := guard.Authenticate(context.Background(), middleware.Request{
		Authorization: []string{"Bearer " + issuer.Token(map[string]any{"scope": "read:y"})},
	})
	if err != nil {
		answer := auth.Answer(err)
		fmt.Println(answer.Status, answer.Code)
		fmt.Println(answer.Description)
		fmt.Println(answer.Challenges[0])
	}
	// Output:
	// 403 insufficient_scope
	// The request requires higher privileges than the access token provides
	// Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="read:x"
}

// A common mistake: the routes are protected one by one, and one is forgotten. Protect the
// whole router instead, and open what must be open.
func ExampleMiddleware_Handler_mistake() {
	auth := newExampleAuth(jwkstest.NewIssuer(jwkstest.Config{}))
	secret := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })

	mux := http.NewServeMux()
	mux.Handle("GET /reports", auth.Handler(secret))
	mux.Handle("/reports/", secret) // meant as the same
	call(mux, "GET", "/reports/2026", "")

	whole := auth.Handler(mux)
	call(whole, "GET", "/reports/2026", "")
	// Output:
	// 200 secret
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api"
}

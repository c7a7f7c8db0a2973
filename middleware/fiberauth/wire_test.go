package fiberauth_test

import (
	"io"
	"log"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

// A wire is one Middleware behind fiber and behind net/http, to which the same bytes are sent.
type wire struct {
	issuer *jwkstest.Issuer
	key    jwkstest.Key
	fiber  *server
	plain  *fasthttputil.InmemoryListener
	served int // requests that reached the handler of fiber
}

func newWire(t *testing.T, edit func(*fiber.Config)) *wire {
	t.Helper()
	w := &wire{issuer: jwkstest.NewIssuer(jwkstest.Config{}), key: jwkstest.NewKey("ES256"), plain: fasthttputil.NewInmemoryListener()}
	auth := newAuth(t, w.issuer, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{Origins: []string{"https://api.example.test"}}
	})
	w.fiber = serve(t, func(fiber.Handler) *fiber.App {
		app := newApp(edit)
		app.Group("/", fiberauth.Handler(auth)).All("/*", func(c fiber.Ctx) error {
			w.served++
			return c.SendString("hello")
		})
		return app
	})
	plain := &http.Server{
		Handler:  auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- plain.Serve(w.plain) }()
	t.Cleanup(func() {
		assert.NoError(t, plain.Close())
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return w
}

// lines joins the lines of a request. TOKEN is an unbound token, BOUND a bound one, and GET and
// POST in braces are new proofs of that method.
func (w *wire) lines(lines ...string) string {
	bound := w.issuer.Token(map[string]any{"cnf": map[string]string{"jkt": w.key.Thumbprint()}})
	proof := func(method string) string {
		return jwkstest.Proof(w.key, method, "https://api.example.test/path", bound, nil)
	}
	return strings.NewReplacer("TOKEN", w.issuer.Token(nil), "BOUND", bound, "{GET}", proof("GET"), "{POST}", proof("POST")).
		Replace(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// What fasthttp and net/http make of the same bytes differs only where both refuse.
func TestFieldsOnTheWire(t *testing.T) {
	const get, post, host = "GET /path HTTP/1.1", "POST /path HTTP/1.1", "Host: api.example.test"
	chunked := "Transfer-Encoding: chunked"
	w := newWire(t, func(*fiber.Config) {})
	for _, tt := range []struct {
		rule         string
		lines        []string
		fiber, plain int
	}{
		{"one field", []string{get, host, "Authorization: Bearer TOKEN"}, 200, 200},
		{"no field", []string{get, host}, 401, 401},
		{"two fields", []string{get, host, "Authorization: Bearer TOKEN", "Authorization: Bearer TOKEN"}, 400, 400},
		{"two fields, in different case", []string{get, host, "Authorization: Bearer TOKEN", "authorization: Bearer TOKEN"}, 400, 400},
		{"two fields, the last one empty", []string{get, host, "Authorization: Bearer TOKEN", "Authorization:"}, 400, 400},
		{"two fields with others in between", []string{get, host, "AUTHORIZATION: Bearer TOKEN", "A: b", "authoRization: Basic eA=="}, 400, 400},
		{"name in lower case", []string{get, host, "authorization: Bearer TOKEN"}, 200, 200},
		{"space before the colon", []string{get, host, "Authorization : Bearer TOKEN"}, 401, 400},
		{"name with an underscore", []string{get, host, "Authorization_: Bearer TOKEN"}, 401, 401},
		{"white space around the value", []string{get, host, "Authorization: \t Bearer TOKEN \t "}, 200, 200},
		{"folded after the scheme", []string{get, host, "Authorization: Bearer", " TOKEN"}, 200, 200},
		{"folded within the token", []string{get, host, "Authorization: Bearer TOK", " EN"}, 400, 400},
		{"folded into a second credential", []string{get, host, "Authorization: Bearer TOKEN", " Bearer TOKEN"}, 400, 400},
		{"a NUL", []string{get, host, "Authorization: Bearer TOKEN\x00"}, 400, 400},
		{"a control byte", []string{get, host, "Authorization: Bearer\x0bTOKEN"}, 400, 400},
		{"a bare carriage return", []string{get, host, "Authorization: Bearer TOKEN\rA: b"}, 400, 400},
		{"a token that is not ASCII", []string{get, host, "Authorization: Bearer é"}, 400, 400},
		{"bound token", []string{get, host, "Authorization: DPoP BOUND", "dpop: {GET}"}, 200, 200},
		{"two proofs", []string{get, host, "Authorization: DPoP BOUND", "DPoP: {GET}", "dpop: {GET}"}, 401, 401},
		{"a folded proof", []string{get, host, "Authorization: DPoP BOUND", "DPoP: {GET}", " A"}, 401, 401},
		{"absolute form", []string{"GET https://api.example.test/path HTTP/1.1", host, "Authorization: DPoP BOUND", "DPoP: {GET}"}, 200, 200},
		{"absolute form of another path", []string{"GET https://api.example.test/other HTTP/1.1", host, "Authorization: DPoP BOUND", "DPoP: {GET}"}, 401, 401},
		{"path that fasthttp normalises", []string{"GET //path HTTP/1.1", host, "Authorization: DPoP BOUND", "DPoP: {GET}"}, 401, 401},
		{"path in another case", []string{"GET /PATH HTTP/1.1", host, "Authorization: DPoP BOUND", "DPoP: {GET}"}, 401, 401},
		{"query", []string{"GET /path?a=b HTTP/1.1", host, "Authorization: DPoP BOUND", "DPoP: {GET}"}, 200, 200},
		{"target that is not valid", []string{"GET /path%zz HTTP/1.1", host, "Authorization: DPoP BOUND", "DPoP: {GET}"}, 401, 400},
		{"method that a field asks for", []string{post, host, "X-HTTP-Method-Override: GET", "Content-Length: 0", "Authorization: DPoP BOUND", "DPoP: {GET}"}, 401, 401},
		{"proof in the header of a chunked request", []string{post, host, "Authorization: DPoP BOUND", "DPoP: {POST}", chunked, "", "1", "a", "0"}, 200, 200},
		{"proof in a trailer", []string{post, host, "Authorization: DPoP BOUND", chunked, "", "1", "a", "0", "DPoP: {POST}"}, 401, 401},
		{"proof in the trailer of an empty body", []string{post, host, "Authorization: DPoP BOUND", chunked, "", "0", "DPoP: {POST}"}, 401, 401},
		{"proof in a trailer, field in lower case", []string{post, host, "Authorization: DPoP BOUND", strings.ToLower(chunked), "", "1", "a", "0", "DPoP: {POST}"}, 401, 401},
		{"proof in an announced trailer", []string{post, host, "Authorization: DPoP BOUND", "Trailer: DPoP", chunked, "", "1", "a", "0", "DPoP: {POST}"}, 401, 401},
		{"proof in the header, and one in a trailer", []string{post, host, "Authorization: DPoP BOUND", "DPoP: {POST}", chunked, "", "1", "a", "0", "DPoP: {POST}"}, 200, 200},
		{"Authorization in a trailer", []string{post, host, chunked, "", "1", "a", "0", "Authorization: Bearer TOKEN"}, 400, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			if strings.Contains(tt.rule, "within the token") {
				token := w.issuer.Token(nil)
				tt.lines[2], tt.lines[3] = "Authorization: Bearer "+token[:20], " "+token[20:]
			}
			got := raw(t, w.fiber.dial(t, "192.0.2.1:1024"), w.lines(tt.lines...))
			conn, err := w.plain.Dial()
			require.NoError(t, err)
			plain := raw(t, conn, w.lines(tt.lines...))
			assert.Equal(t, tt.fiber, got.StatusCode, "fiber")
			assert.Equal(t, tt.plain, plain.StatusCode, "net/http")
			if plain.Header["Www-Authenticate"] != nil && tt.fiber == tt.plain {
				assert.Equal(t, plain.Header["Www-Authenticate"], got.Header["Www-Authenticate"])
			}
		})
	}
}

// fiber runs the middleware of groups, and no handler of a route, for a request that fasthttp
// could not read. Its header can end before the second Authorization field.
func TestUnreadableRequestsReachNoHandler(t *testing.T) {
	w := newWire(t, func(c *fiber.Config) { c.BodyLimit = 1 })
	for rule, tt := range map[string]struct {
		last   string
		status int
	}{
		"a control byte after a good token": {"Authorization: Bearer \x01", http.StatusBadRequest},
		"a header that is too long":         {"A: " + strings.Repeat("a", 64<<10), http.StatusRequestHeaderFieldsTooLarge},
		"a body that is too long":           {"Content-Length: 1000", http.StatusRequestEntityTooLarge},
	} {
		t.Run(rule, func(t *testing.T) {
			request := w.lines("POST /path HTTP/1.1", "Host: api.example.test", "Authorization: Bearer TOKEN", tt.last)
			assert.Equal(t, tt.status, raw(t, w.fiber.dial(t, "192.0.2.1:1024"), request).StatusCode)
			assert.Zero(t, w.served)
		})
	}
}

func TestNamesThatFiberDoesNotNormalise(t *testing.T) {
	w := newWire(t, func(c *fiber.Config) { c.DisableHeaderNormalizing = true })
	status := func(lines ...string) int {
		lines = append([]string{"GET /path HTTP/1.1", "Host: api.example.test"}, lines...)
		return raw(t, w.fiber.dial(t, "192.0.2.1:1024"), w.lines(lines...)).StatusCode
	}
	assert.Equal(t, http.StatusOK, status("authorization: Bearer TOKEN"))
	assert.Equal(t, http.StatusBadRequest, status("Authorization: Bearer TOKEN", "AUTHORIZATION: Bearer TOKEN"))
	assert.Equal(t, http.StatusUnauthorized, status("Authorization: DPoP BOUND", "DPoP: {GET}", "dpop: {GET}"))
}

// A proof is for the method that the client has sent, whatever fiber is told to route by.
func TestProofsAreForTheMethodThatWasReceived(t *testing.T) {
	issuer, key := jwkstest.NewIssuer(jwkstest.Config{}), jwkstest.NewKey("ES256")
	auth := newAuth(t, issuer, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{Origins: []string{"https://api.example.test"}}
	})
	s := serveOne(t, func(c fiber.Ctx) error {
		c.Method(http.MethodPut)
		return c.Next()
	}, fiberauth.Handler(auth), hello)
	token := issuer.Token(map[string]any{"cnf": map[string]string{"jkt": key.Thumbprint()}})
	for method, status := range map[string]int{http.MethodGet: http.StatusOK, http.MethodPut: http.StatusUnauthorized} {
		proof := jwkstest.Proof(key, method, "https://api.example.test/", token, nil)
		assert.Equal(t, status, s.get("/", "Authorization", "DPoP "+token, "DPoP", proof).Code, method)
	}
}

// net/http answers a 400 to such a target. fiber routes it, so an ErrorHandler gets it.
func TestErrorHandlersHaveAURLForAnyTarget(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ *middleware.Error) {
			w.Header().Set("X-Path", r.URL.Path)
		}
	})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Use(fiberauth.Handler(auth))
		return app
	})
	got := raw(t, s.dial(t, "192.0.2.1:1024"), "GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n")
	assert.Equal(t, http.StatusUnauthorized, got.StatusCode)
	assert.Equal(t, "/a%zz", got.Header.Get("X-Path"))
}

func TestStreamedBodiesHaveNoTrailerEither(t *testing.T) {
	w := newWire(t, func(c *fiber.Config) { c.StreamRequestBody = true })
	request := w.lines("POST /path HTTP/1.1", "Host: api.example.test", "Authorization: DPoP BOUND",
		"Transfer-Encoding: chunked", "", "1", "a", "0", "DPoP: {POST}")
	assert.Equal(t, http.StatusUnauthorized, raw(t, w.fiber.dial(t, "192.0.2.1:1024"), request).StatusCode)
}

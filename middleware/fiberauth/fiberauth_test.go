package fiberauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/cors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

func returnErrors(c *middleware.Config) { c.ErrorHandler = fiberauth.ReturnErrors }

func unreachable(t *testing.T) fiber.Handler {
	return func(fiber.Ctx) error {
		t.Error("the handler ran after a refusal")
		return nil
	}
}

// Middleware for the whole router also runs for routes that are not found.
func TestHandlerAroundTheRouter(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Use(fiberauth.Handler(newAuth(t, issuer)))
		return app
	})
	assert.Equal(t, http.StatusUnauthorized, s.get("/nowhere").Code)
	assert.Equal(t, http.StatusNotFound, s.get("/nowhere", bearer(issuer.Token(nil))...).Code)
}

// The context of the request has the claims. The fiber.Ctx, which is a context as well, has none.
func TestClaimsAreInTheContextOfTheRequest(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	reads := middleware.AllScopes("read:example")
	s := serveOne(t, fiberauth.Handler(newAuth(t, issuer)), func(c fiber.Ctx) error {
		_, found := claims.FromContext(c.Context())
		assert.True(t, found)
		assert.NoError(t, middleware.Authorize(c.Context(), reads))
		_, found = claims.FromContext(c)
		assert.False(t, found)
		assert.ErrorIs(t, middleware.Authorize(c, reads), middleware.ErrNoToken)
		return nil
	})
	assert.Equal(t, http.StatusOK, s.get("/", bearer(issuer.Token(nil))...).Code)
}

func TestClaimsWithoutAMiddleware(t *testing.T) {
	app := fiber.New()
	c := app.AcquireCtx(new(fasthttp.RequestCtx))
	defer app.ReleaseCtx(c)
	found, ok := fiberauth.Claims(c)
	assert.Nil(t, found)
	assert.False(t, ok)
}

// The next request on the connection has nothing of the one before it.
func TestClaimsDoNotOutliveTheirRequestInTheCtx(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Get("/", fiberauth.Handler(newAuth(t, issuer)), hello)
		app.Get("/open", func(c fiber.Ctx) error {
			_, found := fiberauth.Claims(c)
			assert.False(t, found)
			return nil
		})
		return app
	})
	assert.Equal(t, http.StatusOK, s.get("/", bearer(issuer.Token(nil))...).Code)
	assert.Equal(t, http.StatusOK, s.get("/open", bearer(issuer.Token(nil))...).Code)
}

// So a handler must end what it has begun with the context: nothing else does.
func TestTheContextOfARequestDoesNotEndWithIt(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer)
	var kept, streams []context.Context
	s := serveOne(t, fiberauth.Handler(auth), func(c fiber.Ctx) error {
		stream, stop := auth.UntilExpiry(c.Context())
		defer stop()
		kept, streams = append(kept, c.Context()), append(streams, stream)
		return nil
	})
	for range 2 { // on one connection: the first request has ended when the second one is read
		require.Equal(t, http.StatusOK, s.get("/", bearer(issuer.Token(nil))...).Code)
	}
	assert.NoError(t, kept[0].Err())
	assert.ErrorIs(t, streams[0].Err(), context.Canceled)
}

func TestPoliciesSeeTheContextOfTheRequest(t *testing.T) {
	type key struct{}
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	var seen any
	policy := middleware.PolicyFunc(func(ctx context.Context, _ *claims.Claims) error {
		seen = ctx.Value(key{})
		return nil
	})
	s := serveOne(t, func(c fiber.Ctx) error {
		c.SetContext(context.WithValue(c.Context(), key{}, "tenant"))
		return c.Next()
	}, fiberauth.Require(newAuth(t, issuer), policy), hello)
	s.get("/", bearer(issuer.Token(nil))...)
	assert.Equal(t, "tenant", seen)
}

// An outer handler can put a token into the header, such as that of a cookie.
func TestFieldsOfOuterHandlersCount(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Use(func(c fiber.Ctx) error {
			if token := c.Cookies("token"); token != "" {
				c.Request().Header.Set("Authorization", "Bearer "+token)
			}
			return c.Next()
		})
		app.All("/", fiberauth.Handler(newAuth(t, issuer)), hello)
		return app
	})
	assert.Equal(t, http.StatusOK, s.get("/", "Cookie", "token="+issuer.Token(nil)).Code)
	chunked := raw(t, s.dial(t, "192.0.2.1:1024"), "POST / HTTP/1.1\r\nHost: a\r\nCookie: token="+issuer.Token(nil)+
		"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
	assert.Equal(t, http.StatusOK, chunked.StatusCode)
}

// The Middleware adds to the fields of outer handlers, as it does with net/http.
func TestAnswersKeepTheFieldsOfOuterHandlers(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer)
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Use(cors.New(cors.Config{AllowOrigins: []string{"https://app.example.test"}}), func(c fiber.Ctx) error {
			c.Cookie(&fiber.Cookie{Name: "a", Value: "1"})
			c.Cookie(&fiber.Cookie{Name: "b", Value: "2"})
			c.Set("WWW-Authenticate", "Basic")
			c.Response().Header.Add("Link", "<a>")
			c.Response().Header.Add("Link", "<b>")
			return c.Next()
		})
		app.Get("/", fiberauth.Optional(auth), hello)
		return app
	})
	for rule, tt := range map[string]struct {
		fields    []string
		status    int
		challenge string
	}{
		"let through": {nil, http.StatusOK, "Basic"},
		"refused":     {bearer("forged"), http.StatusUnauthorized, `Bearer realm="api", error="invalid_token", error_description="The access token is malformed"`},
	} {
		t.Run(rule, func(t *testing.T) {
			header := s.get("/", append(tt.fields, "Origin", "https://app.example.test")...).Result().Header
			assert.Equal(t, []string{"Origin", "Authorization"}, header["Vary"])
			assert.Equal(t, []string{"<a>", "<b>"}, header["Link"])
			assert.Equal(t, []string{"a=1; path=/; SameSite=Lax", "b=2; path=/; SameSite=Lax"}, header["Set-Cookie"])
			assert.Equal(t, "https://app.example.test", header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, []string{tt.challenge}, header["Www-Authenticate"])
		})
	}
}

// What an ErrorHandler writes arrives as with net/http.
func TestErrorHandler(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	page := filepath.Join(t.TempDir(), "no.html")
	require.NoError(t, os.WriteFile(page, []byte("<h1>no</h1>"), 0o600))
	for rule, tt := range map[string]struct {
		handler     func(http.ResponseWriter, *http.Request, *middleware.Error)
		contentType string
	}{
		"a file": {func(w http.ResponseWriter, r *http.Request, _ *middleware.Error) { http.ServeFile(w, r, page) }, "text/html; charset=utf-8"},
		"a body without a type": {func(w http.ResponseWriter, _ *http.Request, _ *middleware.Error) {
			_, _ = io.WriteString(w, "<h1>no")
			_, _ = io.WriteString(w, "</h1>")
		}, "text/html; charset=utf-8"},
		"a type, and a value with lines": {func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) {
			w.Header().Set("Content-Type", "a/b")
			w.Header().Set("X-Lines", "a\r\nb: c")
			w.Header().Del("Cache-Control")
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(e.Status)
			w.Header().Set("X-Late", "not sent")
			_, _ = io.WriteString(w, "<h1>no</h1>")
		}, "a/b"},
	} {
		t.Run(rule, func(t *testing.T) {
			auth := newAuth(t, issuer, func(c *middleware.Config) { c.ErrorHandler = tt.handler })
			require := middleware.AllScopes("admin:example")
			plain := httptest.NewServer(auth.Require(require)(http.NotFoundHandler()))
			defer plain.Close()
			s := serveOne(t, fiberauth.Require(auth, require), unreachable(t))
			for _, field := range []string{"Accept", "If-Modified-Since", "Range"} {
				value := map[string]string{"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "Range": "bytes=0-1"}[field]
				fields := append(bearer(issuer.Token(nil)), field, value)
				got := s.get("/", fields...)
				assert.Equal(t, http.StatusForbidden, got.Code)
				assert.Equal(t, "<h1>no</h1>", got.Body.String())
				assert.Equal(t, tt.contentType, got.Header().Get("Content-Type"))
				assert.Equal(t, withoutDate(getFrom(t, plain.URL, fields)), withoutDate(got.Header()))
			}
		})
	}
}

func withoutDate(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Date")
	return h
}

// getFrom returns the header of an answer of net/http.
func getFrom(t *testing.T, url string, fields []string) http.Header {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for n := 1; n < len(fields); n += 2 {
		r.Header.Add(fields[n-1], fields[n])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.Header
}

func TestReturnErrors(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, returnErrors)
	page := filepath.Join(t.TempDir(), "no.html")
	require.NoError(t, os.WriteFile(page, []byte("own: Forbidden"), 0o600))
	for rule, tt := range map[string]struct {
		handler fiber.ErrorHandler
		body    string
	}{
		"answered by fiber":                          {nil, "Forbidden"},
		"answered by the application":                {func(c fiber.Ctx, err error) error { return c.SendString("own: " + err.Error()) }, "own: Forbidden"},
		"answered with a file":                       {func(c fiber.Ctx, _ error) error { return c.SendFile(page, fiber.SendFile{ByteRange: true}) }, "own: Forbidden"},
		"answered by an ErrorHandler that fails too": {func(fiber.Ctx, error) error { return errors.New("again") }, "Internal Server Error"},
	} {
		t.Run(rule, func(t *testing.T) {
			var returned error
			s := serve(t, func(fiber.Handler) *fiber.App {
				app := newApp(func(c *fiber.Config) { c.ErrorHandler = tt.handler })
				app.Use(func(c fiber.Ctx) error {
					returned = c.Next()
					return returned
				})
				app.Get("/", fiberauth.Require(auth, middleware.AllScopes("admin:example")), unreachable(t))
				return app
			})
			w := s.get("/", append(bearer(issuer.Token(nil)), "Range", "bytes=0-1", "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")...)
			assert.Equal(t, tt.body, w.Body.String())
			if !strings.Contains(rule, "fails too") {
				assert.Equal(t, http.StatusForbidden, w.Code)
			}
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`)
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			var refusal *middleware.Error
			require.ErrorAs(t, returned, &refusal)
			assert.Equal(t, []string{"admin:example"}, refusal.Scopes)
			var e *fiber.Error
			require.ErrorAs(t, returned, &e)
			assert.Equal(t, http.StatusForbidden, e.Code)
			assert.ErrorIs(t, returned, claims.ErrForbidden)
		})
	}
}

// fiber sends what its ErrorHandler sets last. The exception that the documentation demands keeps
// the status.
func TestReturnErrorsWithAnErrorHandlerThatSetsAStatus(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), returnErrors)
	for rule, tt := range map[string]struct {
		handler fiber.ErrorHandler
		status  int
	}{
		"for all errors": {func(c fiber.Ctx, err error) error { return c.Status(http.StatusOK).SendString(err.Error()) }, http.StatusOK},
		"with the exception": {func(c fiber.Ctx, err error) error {
			if refusal := (*middleware.Error)(nil); !errors.As(err, &refusal) {
				c.Status(http.StatusOK)
			}
			return c.SendString(err.Error())
		}, http.StatusUnauthorized},
	} {
		t.Run(rule, func(t *testing.T) {
			s := serve(t, func(fiber.Handler) *fiber.App {
				app := newApp(func(c *fiber.Config) { c.ErrorHandler = tt.handler })
				app.Get("/", fiberauth.Handler(auth), unreachable(t))
				return app
			})
			w := s.get("/")
			assert.Equal(t, tt.status, w.Code)
			assert.Equal(t, "Unauthorized", w.Body.String())
			assert.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
		})
	}
}

// What is written before or beside a refusal is not sent with it.
func TestRefusalsHaveNoOtherBody(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *middleware.Error) {
			fiberauth.ReturnErrors(w, r, e)
			_, _ = io.WriteString(w, "late")
		}
	})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp(func(c *fiber.Config) { c.ErrorHandler = func(fiber.Ctx, error) error { return nil } })
		app.Use(func(c fiber.Ctx) error {
			c.Response().AppendBodyString("early")
			return c.Next()
		})
		app.Get("/", fiberauth.Handler(auth), unreachable(t))
		return app
	})
	w := s.get("/")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Empty(t, w.Body.String())
}

// The text of a hook is not sent, although fiber sends the text of errors.
func TestReturnErrorsHidesTheCause(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	policy := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return errors.New("secret of the policy") })
	s := serveOne(t, fiberauth.Require(newAuth(t, issuer, returnErrors), policy), unreachable(t))
	w := s.get("/", bearer(issuer.Token(nil))...)
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Equal(t, "Forbidden", w.Body.String())
}

func TestReturnErrorsReturnsWhatAHandlerReturns(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	s := serveOne(t, fiberauth.Handler(newAuth(t, issuer, returnErrors)), func(fiber.Ctx) error {
		return fiber.NewError(http.StatusTeapot, "short and stout")
	})
	w := s.get("/", bearer(issuer.Token(nil))...)
	assert.Equal(t, http.StatusTeapot, w.Code)
	assert.Empty(t, w.Header().Get("WWW-Authenticate"))
}

// One Middleware can serve both fiber and net/http.
func TestReturnErrorsOutsideOfFiber(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), returnErrors)
	w := httptest.NewRecorder()
	auth.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	assert.NotEmpty(t, w.Body.String())
}

func TestDecisionsAreThoseOfHTTP(t *testing.T) {
	var transports []string
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	s := serveOne(t, fiberauth.Handler(newAuth(t, issuer, func(c *middleware.Config) {
		c.Observe = func(_ context.Context, d middleware.Decision) { transports = append(transports, d.Transport) }
	})), hello)
	s.get("/")
	s.get("/", bearer(issuer.Token(nil))...)
	assert.Equal(t, []string{"http", "http"}, transports)
}

func TestMistakesPanicAtSetUp(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))
	assert.Panics(t, func() { fiberauth.Require(auth) }, "no policy")
	assert.Panics(t, func() { fiberauth.Require(nil, middleware.AllScopes("a")) })
	assert.Panics(t, func() { fiberauth.Handler(nil) })
	assert.Panics(t, func() { fiberauth.Optional(nil) })
}

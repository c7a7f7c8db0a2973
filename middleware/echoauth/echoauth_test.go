package echoauth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/echoauth"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

func layer(auth *middleware.Middleware, l middlewaretest.Layer) echo.MiddlewareFunc {
	switch {
	case l.Optional:
		return echoauth.Optional(auth)
	case len(l.Policies) == 0:
		return echoauth.Handler(auth)
	}
	return echoauth.Require(auth, l.Policies...)
}

// declare declares all layers except the last on nested groups.
func declare(e *echo.Echo, auth *middleware.Middleware, routes []middlewaretest.Route) *echo.Echo {
	e.Logger = slog.New(slog.DiscardHandler)
	for _, route := range routes {
		group, last := e.Group(""), len(route.Layers)-1
		for _, l := range route.Layers[:last] {
			group = group.Group("", layer(auth, l))
		}
		group.Add(route.Method, route.Path, func(c *echo.Context) error {
			found, ok := echoauth.Claims(c)
			return c.String(http.StatusOK, route.Serve(c.Request().Context(), found, ok))
		}, layer(auth, route.Layers[last]))
	}
	return e
}

func TestConformance(t *testing.T) {
	middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
		return declare(echo.New(), auth, routes)
	})
}

func TestConformanceBelowRecover(t *testing.T) {
	middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
		e := echo.New()
		e.Use(echomiddleware.Recover())
		return declare(e, auth, routes)
	})
}

// Middleware for the whole router also runs for routes that are not found.
func TestHandlerAroundTheRouter(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	e := echo.New()
	e.Use(echoauth.Handler(newAuth(t, issuer)))
	assert.Equal(t, http.StatusUnauthorized, get(e, "/nowhere", "").Code)
	assert.Equal(t, http.StatusNotFound, get(e, "/nowhere", issuer.Token(nil)).Code)
}

func newAuth(t *testing.T, issuer *jwkstest.Issuer, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

func returnErrors(c *middleware.Config) { c.ErrorHandler = echoauth.ReturnErrors }

func unreachable(t *testing.T) echo.HandlerFunc {
	return func(*echo.Context) error {
		t.Error("the handler ran after a refusal")
		return nil
	}
}

func get(h http.Handler, path, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestClaimsWithoutAMiddleware(t *testing.T) {
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
	found, ok := echoauth.Claims(c)
	assert.Nil(t, found)
	assert.False(t, ok)
}

func TestReturnErrors(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, returnErrors)
	var returned error
	own := func(c *echo.Context, err error) { _ = c.String(echo.StatusCode(err), "own: "+err.Error()) }
	for rule, tt := range map[string]struct {
		handler echo.HTTPErrorHandler
		body    string
	}{
		"answered by echo":                     {echo.DefaultHTTPErrorHandler(false), `{"message":"Forbidden"}` + "\n"},
		"answered by echo, exposing the error": {echo.DefaultHTTPErrorHandler(true), `{"error":"Forbidden","message":"Forbidden"}` + "\n"},
		"answered by the application":          {own, "own: Forbidden"},
	} {
		t.Run(rule, func(t *testing.T) {
			e := echo.New()
			e.HTTPErrorHandler = tt.handler
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					returned = next(c)
					return returned
				}
			})
			e.GET("/", unreachable(t), echoauth.Require(auth, middleware.AllScopes("admin:example")))
			w := get(e, "/", issuer.Token(nil))
			assert.Equal(t, http.StatusForbidden, w.Code)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`)
			assert.Equal(t, tt.body, w.Body.String())
			var refusal *middleware.Error
			require.ErrorAs(t, returned, &refusal)
			assert.Equal(t, []string{"admin:example"}, refusal.Scopes)
			assert.ErrorIs(t, returned, claims.ErrForbidden)
		})
	}
}

// A page that is served as a file has the status 200, or 304, in any other place.
func TestC7PagesKeepTheStatusOfTheError(t *testing.T) {
	const page = "<h1>no</h1>"
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	serve := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "no.html", time.Unix(1e9, 0), strings.NewReader(page))
	}
	serving := func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ *middleware.Error) { serve(w, r) }
	}
	for rule, tt := range map[string]struct {
		edit    func(*middleware.Config)
		handler echo.HTTPErrorHandler
	}{
		"by an ErrorHandler": {serving, echo.DefaultHTTPErrorHandler(false)},
		"by echo":            {returnErrors, func(c *echo.Context, _ error) { serve(c.Response(), c.Request()) }},
		"by echo, as 200":    {returnErrors, func(c *echo.Context, _ error) { _ = c.HTML(http.StatusOK, page) }},
		"by echo, flushed": {returnErrors, func(c *echo.Context, _ error) {
			assert.NoError(t, http.NewResponseController(c.Response()).Flush())
			_, _ = io.WriteString(c.Response(), page)
		}},
		"by echo, without a status": {returnErrors, func(c *echo.Context, _ error) { _, _ = io.WriteString(c.Response(), page) }},
	} {
		t.Run(rule, func(t *testing.T) {
			e := echo.New()
			e.HTTPErrorHandler = tt.handler
			e.GET("/", unreachable(t), echoauth.Require(newAuth(t, issuer, tt.edit), middleware.AllScopes("admin:example")))
			for _, field := range []string{"Accept", "If-Modified-Since", "Range"} {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
				r.Header.Set(field, map[string]string{"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "Range": "bytes=0-1"}[field])
				w := httptest.NewRecorder()
				e.ServeHTTP(w, r)
				assert.Equal(t, http.StatusForbidden, w.Code)
				assert.Equal(t, page, w.Body.String())
			}
		})
	}
	t.Run("another error is sent", func(t *testing.T) {
		e := echo.New()
		e.HTTPErrorHandler = func(c *echo.Context, _ error) { _ = c.NoContent(http.StatusNotFound) }
		e.GET("/", unreachable(t), echoauth.Handler(newAuth(t, issuer, returnErrors)))
		assert.Equal(t, http.StatusNotFound, get(e, "/", "").Code)
	})
}

// The text of a hook is not sent, even if echo is told to send the text of errors.
func TestReturnErrorsHidesTheCause(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	policy := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return errors.New("secret of the policy") })
	e := echo.New()
	e.HTTPErrorHandler = echo.DefaultHTTPErrorHandler(true)
	e.GET("/", unreachable(t), echoauth.Require(newAuth(t, issuer, returnErrors), policy))
	w := get(e, "/", issuer.Token(nil))
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.NotContains(t, w.Body.String(), "secret")
}

func TestReturnErrorsReturnsWhatAHandlerReturns(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	e := echo.New()
	e.GET("/", func(*echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "short and stout") },
		echoauth.Handler(newAuth(t, issuer, returnErrors)))
	w := get(e, "/", issuer.Token(nil))
	assert.Equal(t, http.StatusTeapot, w.Code)
	assert.Empty(t, w.Header().Get("WWW-Authenticate"))
}

// One Middleware can serve both echo and net/http.
func TestReturnErrorsOutsideOfEcho(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), returnErrors)
	w := get(auth.Handler(http.NotFoundHandler()), "/", "")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	assert.NotEmpty(t, w.Body.String())
}

// Echo logs and counts answers without an error by the committed response.
func TestRefusalsAreCommitted(t *testing.T) {
	var status int
	var committed bool
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			response, _ := echo.UnwrapResponse(c.Response())
			status, committed = response.Status, response.Committed
			return err
		}
	})
	e.GET("/", unreachable(t), echoauth.Handler(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))))
	get(e, "/", "")
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.True(t, committed)
}

// An ErrorHandler reaches the writer of the server.
func TestResponseControllerReachesTheWriter(t *testing.T) {
	flushed := errors.New("not called")
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) {
			_, _ = io.WriteString(w, "no")
			flushed = http.NewResponseController(w).Flush()
		}
	})
	e := echo.New()
	e.GET("/", unreachable(t), echoauth.Handler(auth))
	w := get(e, "/", "")
	assert.NoError(t, flushed)
	assert.True(t, w.Flushed)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestMistakesPanicAtSetUp(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))
	assert.Panics(t, func() { echoauth.Require(auth) }, "no policy")
	assert.Panics(t, func() { echoauth.Require(nil, middleware.AllScopes("a")) })
	assert.Panics(t, func() { echoauth.Handler(nil) })
	assert.Panics(t, func() { echoauth.Optional(nil) })
}

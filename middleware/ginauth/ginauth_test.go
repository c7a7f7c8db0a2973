package ginauth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/ginauth"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

func layer(auth *middleware.Middleware, l middlewaretest.Layer) gin.HandlerFunc {
	switch {
	case l.Optional:
		return ginauth.Optional(auth)
	case len(l.Policies) == 0:
		return ginauth.Handler(auth)
	}
	return ginauth.Require(auth, l.Policies...)
}

// newEngine declares all layers except the last on nested groups.
func newEngine(engine *gin.Engine, auth *middleware.Middleware, routes []middlewaretest.Route) *gin.Engine {
	for _, route := range routes {
		group, last := engine.Group("/"), len(route.Layers)-1
		for _, l := range route.Layers[:last] {
			group = group.Group("", layer(auth, l))
		}
		group.Handle(route.Method, route.Path, layer(auth, route.Layers[last]), func(c *gin.Context) {
			found, ok := ginauth.Claims(c)
			c.String(http.StatusOK, "%s", route.Serve(c.Request.Context(), found, ok))
		})
	}
	return engine
}

func TestConformance(t *testing.T) {
	middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
		return newEngine(gin.New(), auth, routes)
	})
}

// A recovery that answers but does not abort makes gin go on with the next handler.
func TestConformanceBelowARecoveryThatDoesNotAbort(t *testing.T) {
	middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
		engine := gin.New()
		engine.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
			c.Status(http.StatusInternalServerError)
		}))
		return newEngine(engine, auth, routes)
	})
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

func attachErrors(c *middleware.Config) { c.ErrorHandler = ginauth.AttachErrors }

func get(h http.Handler, path, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A gin.Context carries the claims only if the engine's ContextWithFallback is set.
func TestClaimsInTheGinContextNeedContextWithFallback(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer)
	for _, fallback := range []bool{true, false} {
		engine := gin.New()
		engine.ContextWithFallback = fallback
		ran := false
		engine.GET("/", ginauth.Handler(auth), func(c *gin.Context) {
			ran = true
			_, found := claims.FromContext(c)
			assert.Equal(t, fallback, found)
			_, found = ginauth.Claims(c)
			assert.True(t, found)
			assert.NoError(t, middleware.Authorize(c.Request.Context(), middleware.AllScopes("read:example")))
		})
		assert.Equal(t, http.StatusOK, get(engine, "/", issuer.Token(nil)).Code)
		assert.True(t, ran)
	}
}

func TestClaimsWithoutAMiddleware(t *testing.T) {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	found, ok := ginauth.Claims(c)
	assert.Nil(t, found)
	assert.False(t, ok)
}

func TestAttachErrors(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, attachErrors)
	for rule, tt := range map[string]struct {
		pipeline gin.HandlerFunc
		body     string
	}{
		"answered by the pipeline": {func(c *gin.Context) {
			c.Next()
			if len(c.Errors) > 0 {
				c.JSON(-1, gin.H{"code": "E" + http.StatusText(c.Writer.Status())}) // -1 keeps the status
			}
		}, `{"code":"EForbidden"}`},
		"not answered": {func(*gin.Context) {}, ""},
	} {
		t.Run(rule, func(t *testing.T) {
			var attached *middleware.Error
			engine := gin.New()
			engine.Use(tt.pipeline, func(c *gin.Context) {
				c.Next()
				require.Len(t, c.Errors, 1)
				assert.ErrorAs(t, c.Errors.Last(), &attached)
				assert.True(t, c.IsAborted())
			})
			engine.GET("/", ginauth.Require(auth, middleware.AllScopes("admin:example")), func(*gin.Context) {
				t.Error("the handler ran after a refusal")
			})
			w := get(engine, "/", issuer.Token(nil))
			assert.Equal(t, http.StatusForbidden, w.Code)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`)
			assert.Equal(t, tt.body, w.Body.String())
			assert.Equal(t, claims.ErrForbidden, attached.Reason)
			assert.Equal(t, []string{"admin:example"}, attached.Scopes)
		})
	}
}

// A page that is served as a file has the status 200, or 304, in any other place.
func TestC7PagesKeepTheStatusOfTheError(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	page := filepath.Join(t.TempDir(), "no.html")
	require.NoError(t, os.WriteFile(page, []byte("<h1>no</h1>"), 0o600))
	serveFile := func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ *middleware.Error) { http.ServeFile(w, r, page) }
	}
	pipeline := func(c *gin.Context) {
		c.Next()
		if len(c.Errors) > 0 {
			c.File(page)
		}
	}
	for rule, tt := range map[string]struct {
		edit  func(*middleware.Config)
		outer gin.HandlerFunc
	}{
		"by an ErrorHandler": {serveFile, func(*gin.Context) {}},
		"by the pipeline":    {attachErrors, pipeline},
		"by the pipeline, as 200": {attachErrors, func(c *gin.Context) {
			c.Next()
			c.String(http.StatusOK, "<h1>no</h1>")
		}},
	} {
		t.Run(rule, func(t *testing.T) {
			engine := gin.New()
			engine.Use(tt.outer)
			engine.GET("/", ginauth.Require(newAuth(t, issuer, tt.edit), middleware.AllScopes("admin:example")))
			for _, field := range []string{"Accept", "If-Modified-Since", "Range"} {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
				r.Header.Set(field, map[string]string{"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "Range": "bytes=0-1"}[field])
				w := httptest.NewRecorder()
				engine.ServeHTTP(w, r)
				assert.Equal(t, http.StatusForbidden, w.Code)
				assert.Equal(t, "<h1>no</h1>", w.Body.String())
			}
		})
	}
	t.Run("another error is sent", func(t *testing.T) {
		engine := gin.New()
		engine.Use(func(c *gin.Context) {
			c.Next()
			c.String(http.StatusNotFound, "nothing here")
		})
		engine.GET("/", ginauth.Handler(newAuth(t, issuer, attachErrors)))
		assert.Equal(t, http.StatusNotFound, get(engine, "/", "").Code)
	})
}

func TestAttachErrorsAttachesNothingToAllowedRequests(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	engine := gin.New()
	engine.GET("/", ginauth.Handler(newAuth(t, issuer, attachErrors)), func(c *gin.Context) {
		assert.Empty(t, c.Errors)
		c.String(http.StatusOK, "ok")
	})
	w := get(engine, "/", issuer.Token(nil))
	assert.Equal(t, "ok", w.Body.String())
	assert.Empty(t, w.Header().Get("WWW-Authenticate"))
}

// One Middleware can serve both gin and net/http.
func TestAttachErrorsOutsideOfGin(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), attachErrors)
	w := get(auth.Handler(http.NotFoundHandler()), "/", "")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	assert.NotEmpty(t, w.Body.String())
}

// An ErrorHandler reaches the writer of the server.
func TestResponseControllerReachesTheWriter(t *testing.T) {
	flushed := errors.New("not called")
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), func(c *middleware.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) {
			w.WriteHeader(e.Status)
			flushed = http.NewResponseController(w).Flush()
		}
	})
	engine := gin.New()
	engine.GET("/", ginauth.Handler(auth))
	w := get(engine, "/", "")
	assert.NoError(t, flushed)
	assert.True(t, w.Flushed)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestMistakesPanicAtSetUp(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))
	assert.Panics(t, func() { ginauth.Require(auth) }, "no policy")
	assert.Panics(t, func() { ginauth.Require(nil, middleware.AllScopes("a")) })
	assert.Panics(t, func() { ginauth.Handler(nil) })
	assert.Panics(t, func() { ginauth.Optional(nil) })
}

func TestPoliciesSeeTheContextOfTheRequest(t *testing.T) {
	type key struct{}
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	var seen any
	policy := middleware.PolicyFunc(func(ctx context.Context, _ *claims.Claims) error {
		seen = ctx.Value(key{})
		return nil
	})
	engine := gin.New()
	engine.Use(func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, "tenant"))
	})
	engine.GET("/", ginauth.Require(newAuth(t, issuer), policy))
	get(engine, "/", issuer.Token(nil))
	assert.Equal(t, "tenant", seen)
}

package middleware_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func TestNilHandlerPanicsAtSetUp(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	var missing http.HandlerFunc
	for rule, declare := range map[string]func(h http.Handler){
		"Handler":       func(h http.Handler) { auth.Handler(h) },
		"Optional":      func(h http.Handler) { auth.Optional(h) },
		"Require":       func(h http.Handler) { auth.Require(allow())(h) },
		"RequireScopes": func(h http.Handler) { auth.RequireScopes("a")(h) },
	} {
		t.Run(rule, func(t *testing.T) {
			assert.PanicsWithValue(t, "middleware: nil handler", func() { declare(nil) })
			assert.PanicsWithValue(t, "middleware: nil handler", func() { declare(missing) })
		})
	}
}

// RFC 9110 section 12.5.5: the answer depends on the token.
func TestOptionalVariesByAuthorization(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"sub":"alice"}`))
	for rule, field := range map[string]string{
		"without a token": "", "with a token": "Bearer " + goodToken, "with a bad token": "Bearer x",
	} {
		t.Run(rule, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Add("Vary", "Accept-Encoding")
			auth.Optional(whoami).ServeHTTP(w, get(field))
			assert.Equal(t, []string{"Accept-Encoding", "Authorization"}, w.Header()["Vary"])
		})
	}
	assert.NotContains(t, serve(t, auth.Handler(whoami), get()).Header, "Vary")
}

func TestErrorHandler(t *testing.T) {
	var got *middleware.Error
	page := func(write func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request, *middleware.Error) {
		return func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) {
			got = e
			write(w)
		}
	}
	for _, tt := range []struct {
		rule   string
		write  func(w http.ResponseWriter)
		status int
		body   string
	}{
		{"status and body", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "page")
		}, http.StatusTeapot, "page"},
		{"only a body gets the error's status", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "page") }, 403, "page"},
		{"a flush gets it as well", func(w http.ResponseWriter) {
			assert.NoError(t, http.NewResponseController(w).Flush())
			_, _ = io.WriteString(w, "page")
		}, 403, "page"},
		{"what the writer does not support", func(w http.ResponseWriter) {
			assert.ErrorIs(t, http.NewResponseController(w).EnableFullDuplex(), http.ErrNotSupported)
			_, _ = io.WriteString(w, "page")
		}, 403, "page"},
		{"only a status", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, 403, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) { c.ErrorHandler = page(tt.write) })
			w := httptest.NewRecorder()
			auth.RequireScopes("a")(whoami).ServeHTTP(w, get("Bearer "+goodToken))
			assert.Equal(t, tt.status, w.Code)
			assert.Equal(t, tt.body, w.Body.String())
			assert.Equal(t, "insufficient_scope", bearerChallenge(t, w.Header()["Www-Authenticate"])["error"])
			assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			assert.ErrorIs(t, got, claims.ErrForbidden)
			assert.Equal(t, []string{"a"}, got.Scopes)
		})
	}
	for rule, write := range map[string]func(w http.ResponseWriter){
		"writes nothing":                 func(http.ResponseWriter) {},
		"writes an informational status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) },
	} {
		t.Run(rule+": WriteError answers", func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) { c.ErrorHandler = page(write) })
			w := &firstFinal{ResponseRecorder: httptest.NewRecorder()}
			auth.RequireScopes("a")(whoami).ServeHTTP(w, get("Bearer "+goodToken))
			assert.Equal(t, http.StatusForbidden, w.status)
			assert.Contains(t, w.Body.String(), "insufficient_scope")
		})
	}
	t.Run("calls WriteError itself", func(t *testing.T) {
		var auth *middleware.Middleware
		auth = newAuth(t, refusing(claims.ErrKeysUnavailable), func(c *middleware.Config) {
			c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, e *middleware.Error) { auth.WriteError(w, r, e) }
		})
		a := serve(t, auth.Handler(whoami), get("Bearer x"))
		assert.Equal(t, http.StatusServiceUnavailable, a.Status)
		assert.Equal(t, "5", a.Header.Get("Retry-After"))
	})
	t.Run("is not called by WriteError, nor for requests that are let through", func(t *testing.T) {
		auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) {
			c.ErrorHandler = func(http.ResponseWriter, *http.Request, *middleware.Error) { t.Error("called") }
		})
		serve(t, auth.Handler(whoami), get("Bearer "+goodToken))
		serve(t, auth.Optional(whoami), get())
		written(t, auth, errors.New("x"))
	})
}

// A firstFinal sends the first status that is not informational, as net/http does.
type firstFinal struct {
	*httptest.ResponseRecorder
	status int
}

func (w *firstFinal) WriteHeader(status int) {
	if status >= 200 && w.status == 0 {
		w.status = status
		w.ResponseRecorder.WriteHeader(status)
	}
}

// The server reports a panic of a Verifier. The handler must not run.
func TestAPanicLetsNoRequestThrough(t *testing.T) {
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("next was called") })
	auth := newAuth(t, nil, func(c *middleware.Config) { c.Verifier = verifierFunc(nil) })
	assert.Panics(t, func() { auth.Handler(next).ServeHTTP(httptest.NewRecorder(), get("Bearer x")) })
}

// A change of one answer's header changes no other answer, and no other field.
func TestHeaderValuesAreFresh(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	want := serve(t, auth.Handler(whoami), get()).Header.Clone()
	for changed := range want {
		h := serve(t, auth.Handler(whoami), get()).Header
		h[changed][0] = "changed"
		h[changed] = append(h[changed], "appended", "appended")
		for name := range want {
			if name != changed {
				assert.Equal(t, want[name], h[name], "%s, after a change of %s", name, changed)
			}
		}
		require.Equal(t, want, serve(t, auth.Handler(whoami), get()).Header)
	}
}

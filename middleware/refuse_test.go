package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func TestRefuseAnswersAndLogsAsRequireDoes(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) { fmt.Fprint(w, "page for ", e.Code) }
	for rule, edit := range map[string]func(*middleware.Config){
		"without an ErrorHandler": func(*middleware.Config) {},
		"with an ErrorHandler":    func(c *middleware.Config) { c.ErrorHandler = page },
	} {
		for name, tt := range map[string]struct {
			policy middleware.Policy
			token  string
		}{
			"forbidden":   {middleware.AllScopes("a"), goodToken},
			"too weak":    {middleware.RequireAuthentication(0, "mfa"), goodToken},
			"unavailable": {fail(), goodToken},
			"no token":    {allow(), ""},
		} {
			t.Run(rule+": "+name, func(t *testing.T) {
				field := ""
				if tt.token != "" {
					field = "Bearer " + tt.token
				}
				var want, got bytes.Buffer
				required := newAuth(t, accepting(t, `{}`), edit, logTo(&want, slog.LevelDebug))
				refusing := newAuth(t, accepting(t, `{}`), edit, logTo(&got, slog.LevelDebug))
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := middleware.Authorize(r.Context(), tt.policy); err != nil {
						refusing.Refuse(w, r, err)
					}
				})
				byRequire, byHandler := httptest.NewRecorder(), httptest.NewRecorder()
				required.Require(tt.policy)(whoami).ServeHTTP(byRequire, get(field))
				refusing.Optional(handler).ServeHTTP(byHandler, get(field))
				byHandler.Header().Del("Vary") // of Optional

				assert.Equal(t, byRequire.Code, byHandler.Code)
				assert.Equal(t, byRequire.Header(), byHandler.Header())
				assert.Equal(t, byRequire.Body.String(), byHandler.Body.String())
				assert.Equal(t, want.String(), got.String())
				assert.Equal(t, 1, bytes.Count(got.Bytes(), []byte("\n")), got.String())
			})
		}
	}
}

func TestRefuseTakesAnyError(t *testing.T) {
	for rule, tt := range map[string]struct {
		err    error
		status int
		reason claims.Reason
	}{
		"nil":                {nil, 401, claims.ErrRejected},
		"ErrNoToken":         {middleware.ErrNoToken, 401, ""},
		"a reason":           {claims.ErrForbidden, 403, claims.ErrForbidden},
		"an outage":          {&claims.UnavailableError{}, 503, claims.ErrKeysUnavailable},
		"an unrelated error": {errors.New("not the owner"), 401, claims.ErrRejected},
	} {
		t.Run(rule, func(t *testing.T) {
			var got *middleware.Error
			auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) {
				c.ErrorHandler = func(_ http.ResponseWriter, _ *http.Request, e *middleware.Error) { got = e }
			})
			w := httptest.NewRecorder()
			auth.Refuse(w, get(), tt.err)
			assert.Equal(t, tt.status, w.Code)
			assert.Equal(t, tt.reason, got.Reason)
		})
	}
}

// An ErrorHandler cannot turn a refusal into a success, whatever it is written with.
func TestC7ErrorHandlersSendTheStatusOfTheError(t *testing.T) {
	const page = "<h1>no</h1>"
	serveContent := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "no.html", time.Unix(1e9, 0), strings.NewReader(page))
	}
	sending := func(status int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for _, tt := range []struct {
		rule   string
		write  func(w http.ResponseWriter, r *http.Request)
		header http.Header // of the request
		status int
		body   string
	}{
		{"a file", serveContent, nil, 401, page},
		{"a file, if the caller has it", serveContent, http.Header{"If-None-Match": {`"1"`}}, 401, page},
		{"a file, if it has not changed", serveContent, http.Header{"If-Modified-Since": {"Thu, 01 Jan 2026 00:00:00 GMT"}}, 401, page},
		{"a file, if the caller has another one", serveContent, http.Header{"If-Match": {`"2"`}}, 401, page},
		{"a file, if it has changed", serveContent, http.Header{"If-Unmodified-Since": {"Thu, 01 Jan 1998 00:00:00 GMT"}}, 401, page},
		{"a part of a file", serveContent, http.Header{"Range": {"bytes=0-1"}}, 401, page},
		{"a part of a file that it does not have", serveContent, http.Header{"Range": {"bytes=100-"}, "If-Range": {`"1"`}}, 401, page},
		{"200", sending(200), nil, 401, ""},
		{"204", sending(204), nil, 401, ""},
		{"206", sending(206), nil, 401, ""},
		{"304", sending(304), nil, 401, ""},
		{"399", sending(399), nil, 401, ""},
		{"400", sending(400), nil, 400, ""},
		{"101, which is final for net/http", sending(101), nil, 401, ""},
		{"503", sending(503), nil, 503, ""},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusFound)
		}, nil, 401, "<a href=\"/login\">Found</a>.\n\n"},
		{"a copy", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader(page)) }, nil, 401, page},
		{"a hint, and a file", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			serveContent(w, r)
		}, nil, 401, page},
		{"a flush, and 200", func(w http.ResponseWriter, _ *http.Request) {
			assert.NoError(t, http.NewResponseController(w).Flush())
			w.WriteHeader(200)
		}, nil, 401, ""},
		{"the bare connection", func(w http.ResponseWriter, _ *http.Request) {
			_, _, err := http.NewResponseController(w).Hijack()
			assert.ErrorIs(t, err, http.ErrNotSupported)
		}, nil, 401, `"error":"invalid_token"`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) {
				c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ *middleware.Error) { tt.write(w, r) }
			})
			server := httptest.NewServer(auth.Handler(whoami)) // a recorder cannot be hijacked
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			r.Header = tt.header.Clone()
			if r.Header == nil {
				r.Header = http.Header{}
			}
			r.Header.Set("Authorization", "Bearer bad")
			response, err := http.DefaultTransport.RoundTrip(r)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, tt.status, response.StatusCode)
			assert.Contains(t, string(body), tt.body)
			assert.Contains(t, response.Header.Get("WWW-Authenticate"), "invalid_token")
		})
	}
}

// The request of the application is not changed, and not copied without a reason.
func TestC7RequestsAreNotChanged(t *testing.T) {
	var got *http.Request
	auth := newAuth(t, accepting(t, `{}`), func(c *middleware.Config) {
		c.ErrorHandler = func(_ http.ResponseWriter, r *http.Request, _ *middleware.Error) { got = r }
	})
	r := get("Bearer bad")
	auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), r)
	assert.Same(t, r, got)
	r.Header.Set("Range", "bytes=0-1")
	r.Header.Set("Accept", "text/html")
	auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), r)
	assert.Empty(t, got.Header.Get("Range"))
	assert.Equal(t, "text/html", got.Header.Get("Accept"))
	assert.Equal(t, "bytes=0-1", r.Header.Get("Range"))
}

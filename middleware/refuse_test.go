package middleware_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

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

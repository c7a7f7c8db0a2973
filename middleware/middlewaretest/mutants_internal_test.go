package middlewaretest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A layerFunc is an adapter to net/http, right or wrong.
type layerFunc func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler

func right(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
	switch {
	case layer.Optional:
		return auth.Optional(next)
	case len(layer.Policies) == 0:
		return auth.Handler(next)
	}
	return auth.Require(layer.Policies...)(next)
}

func (f layerFunc) newServer(auth *middleware.Middleware, routes []Route) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		var h http.Handler = route
		for n := len(route.Layers) - 1; n >= 0; n-- {
			h = f(auth, route.Layers[n], h)
		}
		mux.Handle(route.Method+" "+route.Path, h)
	}
	return mux
}

// edited is right, except that edit calls the handler.
func edited(edit func(next http.Handler, w http.ResponseWriter, r *http.Request)) layerFunc {
	return func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		return right(auth, layer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { edit(next, w, r) }))
	}
}

// sending is right, except that edit changes the request.
func sending(edit func(r *http.Request)) layerFunc {
	return func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		h := right(auth, layer, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			edit(r)
			h.ServeHTTP(w, r)
		})
	}
}

// answering is an adapter on Guard that answers refusals itself. Optional layers are right.
func answering(refuse func(auth *middleware.Middleware, next http.Handler, w http.ResponseWriter, r *http.Request, err error)) layerFunc {
	return func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		if layer.Optional {
			return right(auth, layer, next)
		}
		guard := auth.GuardAuthenticated()
		if len(layer.Policies) > 0 {
			guard = auth.Guard(layer.Policies...)
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			allowed, err := guard.Check(r)
			if err != nil {
				refuse(auth, next, w, r, err)
				return
			}
			next.ServeHTTP(w, allowed)
		})
	}
}

// mutants are mistakes that adapters make, and what the suite must find.
var mutants = map[string]struct {
	adapter layerFunc
	finding string
}{
	"no check": {func(_ *middleware.Middleware, _ Layer, next http.Handler) http.Handler {
		return next
	}, "the handler ran after a refusal"},
	"policies ignored": {func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		return right(auth, Layer{Optional: layer.Optional}, next)
	}, "the handler ran after a refusal"},
	"every route optional": {func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		return right(auth, Layer{Optional: true, Policies: layer.Policies}, next)
	}, "the handler ran after a refusal"},
	"no abort": {answering(func(auth *middleware.Middleware, next http.Handler, w http.ResponseWriter, r *http.Request, err error) {
		auth.WriteError(w, r, err)
		next.ServeHTTP(httptest.NewRecorder(), r)
	}), "the handler ran after a refusal"},
	"refused with another body": {answering(func(_ *middleware.Middleware, _ http.Handler, w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusUnauthorized)
	}), "there is a challenge"},
	"an outage as a bad token": {answering(func(auth *middleware.Middleware, _ http.Handler, w http.ResponseWriter, r *http.Request, _ error) {
		auth.WriteError(w, r, claims.ErrExpired)
	}), `status is "401", want "503"`},
	"Config.ErrorHandler ignored": {answering(func(auth *middleware.Middleware, _ http.Handler, w http.ResponseWriter, r *http.Request, err error) {
		auth.WriteError(w, r, err)
	}), "sorry, "},
	"a Guard's refusal observed twice": {answering(func(auth *middleware.Middleware, _ http.Handler, w http.ResponseWriter, r *http.Request, err error) {
		auth.Refuse(w, r, err)
	}), "2 decisions about one request"},
	"a body for HEAD": {answering(func(auth *middleware.Middleware, _ http.Handler, w http.ResponseWriter, r *http.Request, err error) {
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
		auth.WriteError(w, r, err)
	}), "with net/http it is\n\t"},
	"claims forgotten": {edited(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(claims.NewContext(r.Context(), nil)))
	}), `handler's answer is "anonymous"`},
	"claims of others left in the context": {func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		if !layer.Optional {
			return right(auth, layer, next)
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header["Authorization"]) == 0 {
				w.Header().Add("Vary", "Authorization")
				next.ServeHTTP(w, r)
				return
			}
			right(auth, layer, next).ServeHTTP(w, r)
		})
	}, `handler's answer is "subject "`},
	"context replaced": {edited(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		next.ServeHTTP(w, r.WithContext(claims.NewContext(context.Background(), c)))
	}), "verified 2 times"},
	"handler run twice": {edited(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		next.ServeHTTP(w, r)
	}), "the handler ran 2 times"},
	"Vary overwritten": {edited(func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Origin")
		next.ServeHTTP(w, r)
	}), `Vary is ["Origin"]`},
	"first field only": {func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		h := right(auth, layer, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization"))
			h.ServeHTTP(w, r)
		})
	}, `status is "200", want "400"`},
	"DPoP fields lost":      {sending(func(r *http.Request) { delete(r.Header, "Dpop") }), `status is "401", want "200"`},
	"first DPoP field only": {sending(func(r *http.Request) { r.Header.Set("DPoP", r.Header.Get("DPoP")) }), `status is "200", want "401"`},
	"every method is GET":   {sending(func(r *http.Request) { r.Method = http.MethodGet }), `status is "401", want "200"`},
	"target without a path": {sending(func(r *http.Request) { r.RequestURI = "/" }), `status is "401", want "200"`},
	"nonce of a refusal lost": {answering(func(auth *middleware.Middleware, _ http.Handler, w http.ResponseWriter, r *http.Request, err error) {
		copied := *err.(*middleware.Error)
		copied.DPoPNonce = ""
		auth.WriteError(w, r, &copied)
	}), "Dpop-Nonce is []"},
	"nonce not renewed": {answering(func(auth *middleware.Middleware, _ http.Handler, w http.ResponseWriter, r *http.Request, err error) {
		auth.WriteError(w, r, err)
	}), `Cache-Control is []; with net/http it is ["no-store"]`},
	"a panic lets through": {func(auth *middleware.Middleware, layer Layer, next http.Handler) http.Handler {
		h := right(auth, layer, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					next.ServeHTTP(w, r)
				}
			}()
			h.ServeHTTP(w, r)
		})
	}, "although the policy did not return"},
}

func TestRunFindsMistakes(t *testing.T) {
	for name, mutant := range mutants {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, findings(httpResults(mutant.adapter.newServer), mutant.finding), mutant.finding)
		})
	}
}

// findings returns what is wrong, up to the first finding that contains text.
func findings(all results, text string) string {
	var found strings.Builder
	for name, err := range all {
		if err == nil {
			continue
		}
		fmt.Fprintf(&found, "%s: %v\n", name, err)
		if strings.Contains(err.Error(), text) {
			break
		}
	}
	return found.String()
}

func TestRunFindsNothingElse(t *testing.T) {
	for name, err := range httpResults(layerFunc(right).newServer) {
		require.NoError(t, err, name)
	}
}

// The accessor of an adapter may return the claims of another request.
func TestServeComparesTheAccessorWithTheContext(t *testing.T) {
	c, err := claims.ParseUnverified([]byte(`{"sub":"alice"}`))
	require.NoError(t, err)
	with := claims.NewContext(t.Context(), c)
	for rule, tt := range map[string]struct {
		ctx      context.Context
		c        *claims.Claims
		ok       bool
		differed bool
	}{
		"the same":           {with, c, true, false},
		"none":               {t.Context(), nil, false, false},
		"not in the context": {t.Context(), c, true, true},
		"not found":          {with, nil, false, true},
		"found, but not ok":  {with, c, false, true},
		"ok, but nil":        {t.Context(), nil, true, true},
		"another one":        {with, new(claims.Claims), true, true},
	} {
		t.Run(rule, func(t *testing.T) {
			b := newBench(nil)
			b.routes()[0].Serve(tt.ctx, tt.c, tt.ok)
			got := b.log.take()
			assert.Equal(t, 1, got.served)
			assert.Equal(t, tt.differed, got.differed)
		})
	}
}

func TestRunCallsFindsMistakes(t *testing.T) {
	errLost := context.DeadlineExceeded
	for name, mutant := range map[string]struct {
		edit    func(*Answer) error
		finding string
	}{
		"another code":                {func(a *Answer) error { a.Status = max(a.Status, 401); return nil }, `status is "401", want "400"`},
		"no challenge":                {func(a *Answer) error { a.Challenge = ""; return nil }, `there is a challenge: is "false"`},
		"challenge shortened":         {func(a *Answer) error { a.Challenge = strings.TrimSuffix(a.Challenge, `"`); return nil }, "with net/http it is"},
		"no DPoP nonce":               {func(a *Answer) error { a.DPoPNonce = ""; return nil }, "DPoP nonce is"},
		"no time to retry":            {func(a *Answer) error { a.RetryAfter = 0; return nil }, `retry after is "0s", want "30s"`},
		"another answer":              {func(a *Answer) error { a.Body = "hello"; return nil }, `handler's answer is "hello"`},
		"no answer":                   {func(*Answer) error { return errLost }, errLost.Error()},
		"only a status":               {func(a *Answer) error { *a = Answer{Status: 200, NoChallenge: true, NoRetryAfter: true}; return nil }, `want "503"`},
		"challenge without a refusal": {func(a *Answer) error { a.Challenge = "Bearer"; return nil }, `want "false"`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, findings(callResults(editedCall(mutant.edit)), mutant.finding), mutant.finding)
		})
	}
}

func TestRunCallsForgivesTransportsWithoutAPlace(t *testing.T) {
	for name, err := range callResults(editedCall(func(a *Answer) error {
		*a = Answer{Status: a.Status, Body: a.Body, NoChallenge: true, NoRetryAfter: true}
		return nil
	})) {
		require.NoError(t, err, name)
	}
}

// editedCall is net/http as a transport that edits the answers.
func editedCall(edit func(*Answer) error) func(*middleware.Middleware, []Route) Call {
	return func(auth *middleware.Middleware, routes []Route) Call {
		server := layerFunc(right).newServer(auth, routes)
		return func(route Route, authorization, proofs []string) (Answer, error) {
			a := answerOf(send(server, route, fields{authorization, proofs}))
			err := edit(&a)
			return a, err
		}
	}
}

// Names must be distinct for RPC methods, and pairs of method and path for HTTP.
func TestRoutesAreDistinct(t *testing.T) {
	b := newBench(nil)
	names, patterns := make(map[string]bool), make(map[string]bool)
	for _, route := range b.routes() {
		assert.False(t, names[route.Name], route.Name)
		assert.Regexp(t, `^[A-Za-z]+$`, route.Name)
		assert.NotEmpty(t, b.good[route.Name], route.Name)
		names[route.Name] = true
	}
	for _, route := range b.httpRoutes() {
		pattern := route.Method + " " + route.Path
		assert.False(t, patterns[pattern], pattern)
		assert.NotEmpty(t, route.Layers, pattern)
		patterns[pattern] = true
	}
	for name := range b.good {
		assert.True(t, names[name], "%s: a table for no route", name)
	}
}

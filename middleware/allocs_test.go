package middleware_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A sink is a response writer that keeps nothing.
type sink struct{ header http.Header }

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	done := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		_ = c.Subject()
	})
	policies := []middleware.Policy{
		middleware.AllScopes("a", "b"), middleware.AnyScope("x", "a"),
		middleware.Any(middleware.AllScopes("x"), middleware.AllScopes("a")), allow(),
	}
	rules := middleware.ImpliedScopes(map[string][]string{"a": {"c"}, "c": {"x:*"}})
	auth := newAuth(t, accepting(t, `{"sub":"alice","scope":"a b","roles":["x","y"],"acr":"mfa"}`))
	for _, tt := range []struct {
		rule  string
		h     http.Handler
		field string
		most  float64
	}{
		// The request's copy, its context, and the claims in it.
		{"let through", auth.Handler(done), "Bearer " + goodToken, 3},
		{"let through by policies", auth.Require(policies...)(done), "Bearer " + goodToken, 3},
		// The rules were resolved when the route was declared.
		{"let through by implied scopes", auth.Require(rules.AllScopes("x:y"), rules.AnyScope("z", "x:z"))(done), "Bearer " + goodToken, 3},
		{"let through by a claim", auth.Require(middleware.Claim("roles").Any("y"))(done), "Bearer " + goodToken, 6},
		{"let through by an authentication", auth.Require(middleware.RequireAuthentication(0, "mfa"))(done), "Bearer " + goodToken, 6},
		{"let through twice", auth.Handler(auth.RequireScopes("a")(done)), "Bearer " + goodToken, 3},
		{"no token", auth.Handler(done), "", 6},
		{"malformed", auth.Handler(done), "Bearer", 7},
		{"invalid", auth.Handler(done), "Bearer x", 8},
		{"forbidden", auth.RequireScopes("c")(done), "Bearer " + goodToken, 9},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r, w := get(tt.field), sink{http.Header{}}
			allocations := testing.AllocsPerRun(100, func() { tt.h.ServeHTTP(w, r) })
			t.Logf("%v allocations", allocations)
			assert.LessOrEqual(t, allocations, tt.most)
		})
	}
	t.Run("a token that was seen before, with the real verifier", func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		h := trusting(t, issuer).RequireScopes("read:example")(done)
		r, w := bearer(issuer.Token(nil)), sink{http.Header{}}
		assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }), 3.0)
	})
	t.Run("reading the field", func(t *testing.T) {
		// What is left is the answer itself.
		ctx := context.Background()
		guard := auth.Guard()
		for _, field := range []string{"", "Bearer", "Basic x", "Bearer x, y"} {
			fields := []string{field}
			allocations := testing.AllocsPerRun(100, func() { _, _ = guard.Authenticate(ctx, fields) })
			assert.LessOrEqual(t, allocations, 1.0, field)
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	done := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = claims.FromContext(r.Context()) })
	auth := newAuth(b, accepting(b, `{"sub":"alice","scope":"a b"}`))
	for _, bb := range []struct {
		name  string
		h     http.Handler
		field string
	}{
		{"unprotected", done, ""},
		{"let through", auth.RequireScopes("a")(done), "Bearer " + goodToken},
		{"no token", auth.RequireScopes("a")(done), ""},
		{"invalid", auth.RequireScopes("a")(done), "Bearer x"},
		{"forbidden", auth.RequireScopes("c")(done), "Bearer " + goodToken},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r, w := get(bb.field), sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				bb.h.ServeHTTP(w, r)
			}
		})
	}
}

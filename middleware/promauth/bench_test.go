package promauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A sink is a response writer that keeps nothing.
type sink struct{ header http.Header }

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

// BenchmarkRequest measures requests without an observer, with an empty one, and with these
// metrics.
func BenchmarkRequest(b *testing.B) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
	good := "Bearer " + issuer.Token(nil)
	expired := "Bearer " + issuer.Token(map[string]any{"exp": 1})
	for name, edit := range map[string]func(*middleware.Config){
		"observer=none": func(c *middleware.Config) { c.Observe = nil },
		"observer=empty": func(c *middleware.Config) {
			c.Observe = func(context.Context, middleware.Decision) {}
		},
		"observer=promauth":       func(*middleware.Config) {},
		"observer=promauth,timed": func(c *middleware.Config) { c.ObserveDuration = true },
	} {
		auth, metrics := observed(b, issuer, edit)
		metrics.Collector(auth)
		h := auth.Handler(empty)
		for token, authorization := range map[string]string{"remembered": good, "expired": expired, "missing": ""} {
			send(h, authorization)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			b.Run("token="+token+"/"+name, func(b *testing.B) {
				w := sink{http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					h.ServeHTTP(w, r)
				}
			})
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	for _, issuers := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("issuers=%d", issuers), func(b *testing.B) {
			auth, metrics := manyIssuers(b, issuers)
			registry := prometheus.NewRegistry()
			require.NoError(b, registry.Register(metrics.Collector(auth)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := registry.Gather()
				require.NoError(b, err)
			}
		})
	}
}

// A request costs as many allocations as without an observer.
func TestObservingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
	for name, authorization := range map[string]string{
		"remembered": "Bearer " + issuer.Token(nil), "expired": "Bearer " + issuer.Token(map[string]any{"exp": 1}),
		"malformed": "Bearer", "missing": "",
	} {
		allocations := func(edit func(*middleware.Config)) float64 {
			auth, metrics := observed(t, issuer, edit)
			metrics.Collector(auth)
			h, w := auth.Handler(empty), sink{http.Header{}}
			send(h, authorization)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			return testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) })
		}
		bare := allocations(func(c *middleware.Config) { c.Observe = nil })
		assert.Equal(t, bare, allocations(func(*middleware.Config) {}), name)
		assert.Equal(t, bare, allocations(func(c *middleware.Config) { c.ObserveDuration = true }), "%s, timed", name)
	}
}

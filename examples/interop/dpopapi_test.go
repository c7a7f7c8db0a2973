//go:build unix

package interop_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// publicOrigin is where clients reach an API that is behind a gateway.
const publicOrigin = "https://timesheets.example.com"

// A dpopAPI is an API in this process that accepts bound tokens.
type dpopAPI struct {
	*httptest.Server
	mu      sync.Mutex
	reasons []string // of its decisions since the last call of decided; "" for a request let through
}

// serveDPoP serves an API with nested guards. Its origin is its own URL, unless config has
// another one.
func serveDPoP(t *testing.T, i *issuer, config dpop.Config) *dpopAPI {
	t.Helper()
	api := &dpopAPI{Server: httptest.NewUnstartedServer(nil)}
	if config.Origins == nil {
		config.Origins = []string{"http://" + api.Listener.Addr().String()}
	}
	auth, err := middleware.New(middleware.Config{
		Issuer: i.url, Audiences: []string{audience}, DPoP: &config,
		Logger: slog.New(slog.DiscardHandler), Observe: api.observe,
	})
	require.NoError(t, err)
	api.Config.Handler = dpopRoutes(auth)
	api.Start()
	t.Cleanup(api.Close)
	return api
}

// dpopRoutes are behind two layers of auth, which is the usual way with chi. Both see the
// proof of a request, and the second one must not take it for a replay.
func dpopRoutes(auth *middleware.Middleware) http.Handler {
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	router := chi.NewRouter()
	router.Use(auth.Handler)
	reads := router.With(auth.RequireScopes(read))
	reads.Get("/", ok)
	reads.Get("/timesheets", ok)
	reads.Post("/timesheets", ok)
	reads.Get("/timesheets/", ok)
	reads.Get("/timesheets/{owner}", ok)

	mux := http.NewServeMux()
	mux.Handle("/", router)
	inner := http.NewServeMux()
	inner.Handle("GET /timesheets", auth.RequireScopes(read)(http.HandlerFunc(ok)))
	mux.Handle("/v1/", http.StripPrefix("/v1", inner))
	return mux
}

func (a *dpopAPI) observe(_ context.Context, d middleware.Decision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reasons = append(a.reasons, string(d.Reason))
}

// decided returns the reasons of the decisions since the last call.
func (a *dpopAPI) decided() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	reasons := a.reasons
	a.reasons = nil
	return reasons
}

// startGateway serves a proxy that removes this prefix of the path. It writes the path anew, as
// many do: %7E arrives as ~.
func startGateway(t *testing.T, api *dpopAPI, prefix string) string {
	t.Helper()
	target, err := url.Parse(api.URL)
	require.NoError(t, err)
	gateway := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.URL.Path, r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.Path, prefix), ""
	}})
	t.Cleanup(gateway.Close)
	return gateway.URL
}

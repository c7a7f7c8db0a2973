package promauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// The program owns the registry, and says where it can be scraped.
func ExampleNew() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	metrics := promauth.New()
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.Collector(auth))

	list := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "[]") })
	mux := http.NewServeMux()
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	for _, scope := range []string{"read:timesheets", "write:timesheets"} {
		get(mux, "/timesheets", issuer.Token(map[string]any{"scope": scope}))
	}
	for line := range strings.Lines(get(mux, "/metrics", "")) {
		if strings.HasPrefix(line, "bearerguard_verifications_total") && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
	// Output:
	// bearerguard_verifications_total{error_type="",issuer="https://issuer.example.test/",outcome="ok"} 1
	// bearerguard_verifications_total{error_type="forbidden",issuer="https://issuer.example.test/",outcome="forbidden"} 1
}

func get(h http.Handler, path, token string) string {
	request, answer := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	h.ServeHTTP(answer, request)
	return answer.Body.String()
}

// Two APIs in one process have a Metrics each, and a label that tells them apart.
func ExampleMetrics_Collector() {
	registry := prometheus.NewRegistry()
	for _, api := range []string{"orders", "users"} {
		metrics := promauth.New()
		auth, err := middleware.New(middleware.Config{
			Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{"https://" + api + ".example.com"},
			Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		prometheus.WrapRegistererWith(prometheus.Labels{"api": api}, registry).MustRegister(metrics.Collector(auth))
	}
	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range families {
		if f.GetName() == "bearerguard_token_cache_entries" {
			for _, m := range f.GetMetric() {
				fmt.Println(f.GetName(), m.GetLabel()[0].GetValue(), m.GetGauge().GetValue())
			}
		}
	}
	// Output:
	// bearerguard_token_cache_entries orders 0
	// bearerguard_token_cache_entries users 0
}

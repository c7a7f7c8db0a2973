package metrics_test

import (
	"context"
	"encoding/json"
	"expvar"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// A program that wants neither Prometheus nor OpenTelemetry publishes its figures with expvar.
// GET /debug/vars shows them.
func ExampleNew() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	counts := metrics.New()
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: counts.Observe, ObserveFetch: counts.ObserveFetch,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	expvar.Publish("bearerguard", counts.Var(auth))

	h := auth.RequireScopes("read:timesheets")(http.NotFoundHandler())
	for _, scope := range []string{"read:timesheets", "read:timesheets", "write:timesheets"} {
		request := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
		request.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"scope": scope}))
		h.ServeHTTP(httptest.NewRecorder(), request)
	}

	var figures map[string]json.RawMessage
	if err := json.Unmarshal([]byte(expvar.Get("bearerguard").String()), &figures); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(figures["bearerguard.requests"]))
	// Output:
	// [{"outcome":"ok","scheme":"Bearer","transport":"http","value":2},{"outcome":"forbidden","scheme":"Bearer","transport":"http","value":1}]
}

// ErrorType is a label for metrics of the program itself. The Reason of a Decision is not safe
// for that: a handler can refuse a request with any Reason.
func ExampleErrorType() {
	refusals := make(map[string]int)
	observe := func(d middleware.Decision) {
		if d.Outcome != "ok" {
			refusals[metrics.ErrorType(d)]++
		}
	}
	observe(middleware.Decision{Outcome: "refused", Reason: "expired"})
	observe(middleware.Decision{Outcome: "refused", Reason: "alice is on holiday"})
	observe(middleware.Decision{Outcome: "refused", Error: &middleware.Error{Status: http.StatusBadRequest}})
	fmt.Println(refusals)
	// Output:
	// map[_other:1 expired:1 invalid_request:1]
}

// What a program has beside its Middleware needs one line each.
func ExampleCounts_ShowRevocation() {
	list, err := revocation.New(revocation.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	const issuer = "https://issuer.example/"
	counts := metrics.New()
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{list.Protect(claims.Issuer{
			URL: issuer, Audiences: []string{"https://api.example"}, MaxLifetime: time.Hour,
		})},
		Observe: counts.Observe, ObserveFetch: counts.ObserveFetch,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	counts.ShowRevocation("logout", list)

	if err := list.Add(context.Background(), revocation.Entry{Kind: revocation.Subject, Issuer: issuer, ID: "alice"}); err != nil {
		fmt.Println(err)
		return
	}
	var figures map[string]json.RawMessage
	if err := json.Unmarshal([]byte(counts.Var(auth).String()), &figures); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(figures["bearerguard.revocation.entries"]))
	// Output:
	// [{"feed":"logout","kind":"subject","value":1}]
}

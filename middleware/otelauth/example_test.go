package otelauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/otelauth"
)

// A program passes the MeterProvider of its SDK. This one records nothing.
func ExampleNew() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: noop.NewMeterProvider()})
	if err != nil {
		fmt.Println(err)
		return
	}
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: telemetry.Observe, ObserveFetch: telemetry.ObserveFetch, ObserveWait: telemetry.ObserveWait,
		ObserveDuration: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	registration, err := telemetry.Register(auth)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = registration.Unregister() }()

	request, answer := httptest.NewRequest(http.MethodGet, "/timesheets", nil), httptest.NewRecorder()
	request.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
	auth.Handler(http.NotFoundHandler()).ServeHTTP(answer, request)
	fmt.Println(answer.Code)
	// Output:
	// 404
}

// A provider that is missing is a mistake. Nothing takes its place, not even the global one.
func ExampleNew_withoutProvider() {
	_, err := otelauth.New(otelauth.Config{})
	fmt.Println(err)
	// Output:
	// otelauth: invalid Config.MeterProvider: it is nil; noop.NewMeterProvider records nothing
}

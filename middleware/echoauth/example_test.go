package echoauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v5"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/echoauth"
)

// Each route has its scopes in one line.
func ExampleRequire() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	list := func(c *echo.Context) error {
		who, _ := echoauth.Claims(c)
		fmt.Println("a list for", who.Subject())
		return nil
	}

	e := echo.New()
	e.GET("/timesheets", list, echoauth.Require(auth, middleware.AllScopes("read:timesheets")))

	for _, scope := range []string{"read:timesheets", "write:timesheets"} {
		request := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
		request.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"sub": "alice", "scope": scope}))
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Header()["Www-Authenticate"])
	}
	// Output:
	// a list for alice
	// 200 []
	// 403 [Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="read:timesheets"]
}

// A group authenticates and its routes authorize. The token is verified once.
func ExampleHandler() {
	auth, err := middleware.New(middleware.Config{
		Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{"https://timesheets.example.com"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	list := func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }

	e := echo.New()
	e.GET("/healthz", list) // outside of the group: open
	api := e.Group("/api", echoauth.Handler(auth))
	api.GET("/me", list)
	api.GET("/timesheets", list, echoauth.Require(auth, middleware.AllScopes("read:timesheets")))

	for _, path := range []string{"/healthz", "/api/me", "/api/timesheets"} {
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, answer.Code)
	}
	// Output:
	// /healthz 204
	// /api/me 401
	// /api/timesheets 401
}

// The HTTPErrorHandler of the application also answers refusals.
func ExampleReturnErrors() {
	auth, err := middleware.New(middleware.Config{
		Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{"https://timesheets.example.com"},
		ErrorHandler: echoauth.ReturnErrors,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	e := echo.New()
	e.HTTPErrorHandler = func(c *echo.Context, err error) {
		var refusal *middleware.Error
		if errors.As(err, &refusal) {
			_ = c.JSON(refusal.Status, map[string]any{"failed": http.StatusText(refusal.Status)})
		}
	}
	list := func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }
	e.GET("/timesheets", list, echoauth.Handler(auth))

	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/timesheets", nil))
	fmt.Print(answer.Code, " ", answer.Body)
	fmt.Println(answer.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 {"failed":"Unauthorized"}
	// Bearer realm="api"
}

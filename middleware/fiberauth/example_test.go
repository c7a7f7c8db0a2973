package fiberauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gofiber/fiber/v3"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
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
	list := func(c fiber.Ctx) error {
		who, _ := fiberauth.Claims(c)
		fmt.Println("a list for", who.Subject())
		return nil
	}

	app := fiber.New(fiber.Config{ReadBufferSize: 16 << 10}) // tokens are long
	app.Get("/timesheets", fiberauth.Require(auth, middleware.AllScopes("read:timesheets")), list)

	for _, scope := range []string{"read:timesheets", "write:timesheets"} {
		request := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
		request.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"sub": "alice", "scope": scope}))
		answer, err := app.Test(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(answer.StatusCode, answer.Header["Www-Authenticate"])
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
	list := func(c fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) }

	app := fiber.New(fiber.Config{ReadBufferSize: 16 << 10})
	app.Get("/healthz", list) // outside of the group: open
	api := app.Group("/api", fiberauth.Handler(auth))
	api.Get("/me", list)
	api.Get("/timesheets", fiberauth.Require(auth, middleware.AllScopes("read:timesheets")), list)

	for _, path := range []string{"/healthz", "/api/me", "/api/timesheets"} {
		answer, err := app.Test(httptest.NewRequest(http.MethodGet, path, nil))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(path, answer.StatusCode)
	}
	// Output:
	// /healthz 204
	// /api/me 401
	// /api/timesheets 401
}

// fiber's ErrorHandler of the application also answers refusals.
func ExampleReturnErrors() {
	auth, err := middleware.New(middleware.Config{
		Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{"https://timesheets.example.com"},
		ErrorHandler: fiberauth.ReturnErrors,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	app := fiber.New(fiber.Config{ReadBufferSize: 16 << 10, ErrorHandler: func(c fiber.Ctx, err error) error {
		if e, ok := errors.AsType[*fiber.Error](err); ok {
			c.Status(e.Code)
		}
		return c.JSON(fiber.Map{"failed": err.Error()})
	}})
	list := func(c fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) }
	app.Get("/timesheets", fiberauth.Handler(auth), list)

	answer, err := app.Test(httptest.NewRequest(http.MethodGet, "/timesheets", nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, string(body))
	fmt.Println(answer.Header.Get("WWW-Authenticate"))
	// Output:
	// 401 {"failed":"Unauthorized"}
	// Bearer realm="api"
}

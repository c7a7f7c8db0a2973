package ginauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/ginauth"
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

	r := gin.New()
	r.GET("/timesheets", ginauth.Require(auth, middleware.AllScopes("read:timesheets")), func(c *gin.Context) {
		who, _ := ginauth.Claims(c)
		fmt.Println("a list for", who.Subject())
	})

	for _, scope := range []string{"read:timesheets", "write:timesheets"} {
		request := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
		request.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"sub": "alice", "scope": scope}))
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, request)
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
	list := func(c *gin.Context) { c.Status(http.StatusNoContent) }

	r := gin.New()
	r.GET("/healthz", list) // outside of the group: open
	api := r.Group("/api", ginauth.Handler(auth))
	api.GET("/me", list)
	api.GET("/timesheets", ginauth.Require(auth, middleware.AllScopes("read:timesheets")), list)

	for _, path := range []string{"/healthz", "/api/me", "/api/timesheets"} {
		answer := httptest.NewRecorder()
		r.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, answer.Code)
	}
	// Output:
	// /healthz 204
	// /api/me 401
	// /api/timesheets 401
}

// The error middleware of the application also answers refusals.
func ExampleAttachErrors() {
	auth, err := middleware.New(middleware.Config{
		Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{"https://timesheets.example.com"},
		ErrorHandler: ginauth.AttachErrors,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	r := gin.New()
	r.Use(func(c *gin.Context) {
		c.Next()
		var refusal *middleware.Error
		if len(c.Errors) > 0 && errors.As(c.Errors.Last(), &refusal) {
			c.JSON(refusal.Status, gin.H{"error": gin.H{"message": http.StatusText(refusal.Status)}})
		}
	})
	r.GET("/timesheets", ginauth.Handler(auth))

	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/timesheets", nil))
	fmt.Println(answer.Code, answer.Body)
	fmt.Println(answer.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 {"error":{"message":"Unauthorized"}}
	// Bearer realm="api"
}

package fiberauth_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

// A crowd are clients that share a connection. What they send has the same length, so that
// fasthttp writes one request over the one before it.
type crowd struct {
	server  *server
	issuer  *jwkstest.Issuer
	auth    *middleware.Middleware
	keys    []jwkstest.Key // of every second client; the others have no key
	headers []string       // their Authorization

	claims     []*claims.Claims // what handlers have kept
	contexts   []context.Context
	remembered int
}

func newCrowd(t *testing.T, size int) *crowd {
	t.Helper()
	c := &crowd{issuer: jwkstest.NewIssuer(jwkstest.Config{})}
	c.auth = newAuth(t, c.issuer, func(config *middleware.Config) {
		config.DPoP = &dpop.Config{Origins: []string{"https://api.example.test"}}
		config.Observe = func(_ context.Context, d middleware.Decision) {
			if d.Remembered {
				c.remembered++
			}
		}
	})
	for n := range size {
		all := map[string]any{"sub": subject(n)}
		scheme, key := "Bearer ", jwkstest.Key{}
		if n%2 == 1 {
			scheme, key = "DPoP ", jwkstest.NewKey("ES256")
			all["cnf"] = map[string]string{"jkt": key.Thumbprint()}
		}
		c.keys, c.headers = append(c.keys, key), append(c.headers, scheme+c.issuer.Token(all))
	}
	c.server = serveOne(t, fiberauth.Handler(c.auth), func(f fiber.Ctx) error {
		who, _ := fiberauth.Claims(f)
		c.claims, c.contexts = append(c.claims, who), append(c.contexts, f.Context())
		return f.SendString(who.Subject())
	})
	return c
}

func subject(n int) string { return fmt.Sprintf("client %02d", n) }

// send sends a request of client n, with a new proof if it has a key.
func (c *crowd) send(n int) (status int, body string) {
	fields := []string{"Authorization", c.headers[n]}
	if n%2 == 1 {
		token := c.headers[n][len("DPoP "):]
		fields = append(fields, "DPoP", jwkstest.Proof(c.keys[n], "GET", "https://api.example.test/", token, nil))
	}
	w := c.server.get("/", fields...)
	return w.Code, w.Body.String()
}

// The cache of tokens, the memory of the headers of proofs, and handlers keep what they have read
// of a request.
func TestWhatIsKeptOutlivesItsRequest(t *testing.T) {
	const size, rounds = 20, 3
	c := newCrowd(t, size)
	for range rounds {
		for n := range size {
			status, body := c.send(n)
			require.Equal(t, http.StatusOK, status, "client %d", n)
			require.Equal(t, subject(n), body)
		}
	}
	assert.Equal(t, (rounds-1)*size, c.remembered, "each token is found in the cache after the first round")
	for n, who := range c.claims {
		assert.Equal(t, subject(n%size), who.Subject())
		found, _ := claims.FromContext(c.contexts[n])
		assert.Same(t, who, found)
	}
}

// A handler that runs for long checks its request again with its context. That context must
// vouch for its own token, and for none of a later request on the connection.
func TestAKeptContextVouchesForItsOwnTokenOnly(t *testing.T) {
	c := newCrowd(t, 6)
	guard := c.auth.GuardAuthenticated()
	for _, n := range []int{0, 2, 4} {
		c.send(n)
	}
	check := func(ctx context.Context, n int) {
		with, err := guard.Authenticate(ctx, middleware.Request{Authorization: []string{c.headers[n]}})
		require.NoError(t, err)
		who, _ := claims.FromContext(with)
		assert.Equal(t, subject(n), who.Subject())
	}
	for n, ctx := range c.contexts {
		check(ctx, 2*n)
		check(ctx, (2*n+2)%6)
	}
}

// An ErrorHandler can keep the request, such as for an audit.
func TestTheRequestOfAnErrorHandlerOutlivesIt(t *testing.T) {
	var kept []*http.Request
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), func(c *middleware.Config) {
		c.ErrorHandler = func(_ http.ResponseWriter, r *http.Request, _ *middleware.Error) { kept = append(kept, r) }
	})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Use(fiberauth.Handler(auth))
		return app
	})
	const size = 10
	for n := range size {
		s.get(fmt.Sprintf("/%d?query=%d", n, n), "X-Client", subject(n), "Cookie", fmt.Sprintf("a=%d", n))
	}
	require.Len(t, kept, size)
	for n, r := range kept {
		assert.Equal(t, fmt.Sprintf("/%d?query=%d", n, n), r.RequestURI)
		assert.Equal(t, fmt.Sprintf("/%d", n), r.URL.Path)
		assert.Equal(t, []string{subject(n)}, r.Header["X-Client"])
		assert.Equal(t, fmt.Sprintf("a=%d", n), r.Header.Get("Cookie"))
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Equal(t, "api.example.test", r.Host)
		assert.NotContains(t, r.Header, "Host", "as with net/http")
	}
}

package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A handler that checks a long request again learns that its token has expired.
func TestVerifiedRequestIsVerifiedAgainOnceItsTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		guard := trusting(t, issuer).Guard()
		r, err := guard.Check(bearer(issuer.Token(map[string]any{"exp": time.Now().Add(time.Hour).Unix()})))
		require.NoError(t, err)

		time.Sleep(time.Hour - time.Second)
		again, err := guard.Check(r)
		require.NoError(t, err)
		assert.Same(t, r, again, "not verified again before exp")

		time.Sleep(3 * time.Second) // within the leeway
		_, err = guard.Check(r)
		require.NoError(t, err)

		time.Sleep(time.Minute)
		_, err = guard.Check(r)
		require.ErrorIs(t, err, claims.ErrExpired)
		time.Sleep(6 * time.Second) // a fetch that may be under way ends
	})
}

// An API with several issuers gives one answer to an unsigned token, whichever issuer and
// signature it has.
func TestUnsignedTokensDoNotTellIssuersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := jwkstest.NewIssuer(jwkstest.Config{})
		auth := trusting(t, first, func(c *middleware.Config) {
			issuer := claims.Issuer{URL: c.Issuer, Audiences: c.Audiences}
			other := claims.Issuer{URL: "https://second.example.test/", Audiences: c.Audiences}
			c.Issuer, c.Audiences, c.Issuers = "", nil, []claims.Issuer{issuer, other}
		})
		stranger := jwkstest.NewIssuer(jwkstest.Config{URL: "https://stranger.example.test/"})
		for _, changes := range []map[string]any{nil, {"exp": 1}, {"aud": "x"}, {"exp": jwkstest.Absent}} {
			for _, signature := range []string{"A", "AB", "!", "AAAA"} {
				var answers []string
				for _, issuer := range []*jwkstest.Issuer{first, stranger} {
					token := issuer.Token(changes, jwkstest.Header("kid", "unknown"))
					w := httptest.NewRecorder()
					auth.Handler(http.NotFoundHandler()).ServeHTTP(w, bearer(token[:strings.LastIndexByte(token, '.')+1]+signature))
					answers = append(answers, w.Header().Get("WWW-Authenticate"))
				}
				assert.Equal(t, answers[0], answers[1], "%v %s", changes, signature)
			}
		}
		time.Sleep(6 * time.Second)
	})
}

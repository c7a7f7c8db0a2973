package metrics_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// mark is in everything that strangers and clients choose.
const mark = "h0stile"

// hostile returns the Authorization field of the n-th request. Every part of it is new.
func hostile(issuer *jwkstest.Issuer, stranger jwkstest.Key, n int) string {
	name := func(member string) string { return fmt.Sprintf("%s-%s-%d", mark, member, n) }
	members := map[string]any{
		"sub": name("sub"), "client_id": name("client"), "azp": name("azp"), "jti": name("jti"), "scope": name("scope"),
	}
	switch n % 8 {
	case 0: // accepted
	case 1:
		return "Bearer " + issuer.Token(members, jwkstest.Header("kid", name("kid")))
	case 2:
		return "Bearer " + issuer.Token(members, jwkstest.Header("alg", name("alg")))
	case 3:
		members["iss"] = "https://" + name("iss") + ".example/"
	case 4:
		members["aud"] = name("aud")
	case 5:
		return name("scheme") + " " + name("credential")
	case 6:
		members["exp"] = 1
	case 7:
		return "Bearer " + issuer.Token(members, jwkstest.SignedBy(stranger), jwkstest.Header("typ", name("typ")))
	}
	return "Bearer " + issuer.Token(members)
}

// Whatever is sent, the series are those from the start, and have no part of it.
func TestHostileValuesAddNoSeries(t *testing.T) {
	synctest.Test(t, testHostileValues)
}

func testHostileValues(t *testing.T) {
	const requests = 10_000
	key := jwkstest.NewKey("EdDSA")
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: key})
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(time.Second)) // the first duration
	auth, counts := observed(t, issuer, func(c *middleware.Config) { c.ObserveDuration = true })
	h := auth.RequireScopes(mark + "-scope-0")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	send := func(field string) int {
		r, w := httptest.NewRequest(http.MethodGet, "/"+mark, nil), httptest.NewRecorder()
		r.Header.Set("Authorization", field)
		h.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusOK, send(hostile(issuer, key, 0)))
	require.Equal(t, http.StatusUnauthorized, send(hostile(issuer, key, 1))) // the first forced fetch
	synctest.Wait()
	before := flat(counts.Families(auth.Status()))

	stranger, answers := jwkstest.NewKey("EdDSA"), make(map[int]int)
	for n := range requests {
		answers[send(hostile(issuer, stranger, n))]++
	}
	require.Greater(t, answers[http.StatusForbidden], 1000, "accepted tokens, but for their scopes")
	require.Greater(t, answers[http.StatusUnauthorized], 6000)

	families := counts.Families(auth.Status())
	after := flat(families)
	assert.Len(t, after, len(before))
	for text := range after {
		assert.Contains(t, before, text)
	}
	text, err := json.Marshal(families)
	require.NoError(t, err)
	exposition := strings.ToLower(string(text) + counts.Var(auth).String())
	assert.NotContains(t, exposition, mark)
	assert.NotContains(t, exposition, key.ID)
	assert.EqualValues(t, requests/8, after["requests outcome=missing transport=http"])
	assert.GreaterOrEqual(t, after["jwks.unknown_kid_suppressed issuer="+issuer.URL()], 1000.0)
}

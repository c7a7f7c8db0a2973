package promauth_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// mark is in everything that strangers and clients choose.
const mark = "h0stile"

// hostile returns the Authorization field of the n-th request. Every part of it is new.
func hostile(issuer *jwkstest.Issuer, n int) string {
	name := func(member string) string { return fmt.Sprintf("%s-%s-%d", mark, member, n) }
	members := map[string]any{
		"sub": name("sub"), "client_id": name("client"), "jti": name("jti"), "scope": name("scope"),
	}
	switch n % 6 {
	case 0: // accepted
	case 1:
		return "Bearer " + issuer.Token(members, jwkstest.Header("kid", name("kid")))
	case 2:
		return "Bearer " + issuer.Token(members, jwkstest.Header("alg", name("alg")))
	case 3:
		members["iss"] = "https://" + name("iss") + ".example/"
	case 4:
		return name("scheme") + " " + name("credential")
	case 5:
		members["aud"] = name("aud")
	}
	return "Bearer " + issuer.Token(members)
}

// Whatever is sent, a scrape has the series from the start, and no part of what was sent.
func TestHostileValuesAddNoSeries(t *testing.T) {
	synctest.Test(t, testHostileValues)
}

func testHostileValues(t *testing.T) {
	const requests = 10_000
	key := jwkstest.NewKey("EdDSA")
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: key})
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(time.Second)) // the first duration
	auth, metrics := observed(t, issuer, func(c *middleware.Config) { c.ObserveDuration = true })
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Collector(auth))
	h := auth.Handler(empty)
	require.Equal(t, http.StatusOK, send(h, hostile(issuer, 0)))
	require.Equal(t, http.StatusUnauthorized, send(h, hostile(issuer, 1))) // the first forced fetch
	synctest.Wait()
	before := gather(t, registry)

	accepted := 0
	for n := range requests {
		if send(h, hostile(issuer, n)) == http.StatusOK {
			accepted++
		}
	}
	require.Greater(t, accepted, requests/7)

	after := gather(t, registry)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	for series := range after {
		assert.NotContains(t, strings.ToLower(series), mark)
		assert.NotContains(t, series, key.ID)
	}
	assert.Equal(t, fmt.Sprint(accepted+1), after[`bearerguard_requests_total{outcome="ok",scheme="Bearer",transport="http"}`])
}

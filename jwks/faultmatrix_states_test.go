package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A cacheState is a row of the matrix.
type cacheState struct {
	prepare func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache
	usable  bool // there is a usable set
	address address
}

// An address says how well the cache knows the address of the key set.
type address int

const (
	addressUnknown address = iota
	addressKnown
	addressOld // learned a day ago, or before a failure: discovery must be read again
)

var cacheStates = map[string]cacheState{
	"cold": {address: addressUnknown, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return newCache(t, issuer)
	}},
	"cold, in backoff": {address: addressOld, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return failOnce(t, issuer, newCache(t, issuer))
	}},
	"fresh": {address: addressKnown, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return aged(t, issuer, time.Minute)
	}},
	"stale-while-revalidate": {address: addressKnown, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return aged(t, issuer, whileRevalidating)
	}},
	"stale-if-error": {address: addressKnown, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return aged(t, issuer, whileStale)
	}},
	"stale-if-error, in backoff": {address: addressOld, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return failOnce(t, issuer, aged(t, issuer, whileStale))
	}},
	"stale-if-error, after backoff": {address: addressOld, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		cache := failOnce(t, issuer, aged(t, issuer, whileStale))
		time.Sleep(2 * time.Second)
		return cache
	}},
	"stale-if-error, failed long ago": {address: addressOld, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		cache := failOnce(t, issuer, aged(t, issuer, whileStale))
		time.Sleep(15*time.Minute + 2*time.Second) // RefreshAfter, and the longest backoff after one failure
		return cache
	}},
	"stale-if-error, forced fetch failed": {address: addressOld, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, afterLatency(jwkstest.Respond(http.StatusForbidden, nil, "")))
		requireUnavailable(t, cache, "junk")
		require.Equal(t, uint64(1), cache.Status().ForcedFetches)
		repair(issuer)
		time.Sleep(whileStale)
		return cache
	}},
	"exhausted": {address: addressOld, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return aged(t, issuer, whileExhausted)
	}},
	"exhausted, in backoff": {address: addressOld, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		return failOnce(t, issuer, aged(t, issuer, whileExhausted))
	}},
	"fresh, after recovery": {address: addressKnown, usable: true, prepare: func(t *testing.T, issuer *jwkstest.Issuer) *jwks.Cache {
		cache := failOnce(t, issuer, aged(t, issuer, whileExhausted))
		time.Sleep(2 * time.Second)
		requireKnown(t, cache, "known")
		return cache
	}},
}

func aged(t *testing.T, issuer *jwkstest.Issuer, age time.Duration) *jwks.Cache {
	t.Helper()
	cache := newWarmCache(t, issuer)
	time.Sleep(age)
	return cache
}

// failOnce makes the refresh fail that a request starts. When it returns, backoff has begun.
func failOnce(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) *jwks.Cache {
	t.Helper()
	issuer.Fail(jwkstest.JWKS, afterLatency(jwkstest.Respond(http.StatusForbidden, nil, "")))
	_, _ = cache.Keys(t.Context(), alg, "known")
	require.Error(t, cache.Status().LastError)
	repair(issuer)
	return cache
}

// repair makes the issuer answer again, after its latency.
func repair(issuer *jwkstest.Issuer) {
	issuer.Recover()
	issuer.Fail(jwkstest.JWKS, jwkstest.Delay(latency))
	issuer.Fail(jwkstest.Discovery, jwkstest.Delay(latency))
	issuer.Fail(jwkstest.Metadata, jwkstest.Delay(latency))
}

// afterLatency delays a fault by the latency of a request.
func afterLatency(fault jwkstest.Fault) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		jwkstest.Delay(latency)(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fault(w, r, next)
		}))
	}
}

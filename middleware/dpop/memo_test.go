package dpop_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A forged proof that has the header of a client leaves nothing behind, and gains nothing from
// what the client left.
func TestRememberedHeaderIsNoSignature(t *testing.T) {
	forger := jwkstest.NewKey("ES256")
	for _, c := range []*dpop.Checker{newChecker(t, dpop.Config{}), warmChecker(t)} {
		for range 2 {
			forged := proof(nil, jwkstest.SignedBy(forger))
			assert.EqualError(t, confirm(c, request(forged)), "dpop: the signature is not that of the jwk")
			bound := jwkstest.Proof(forger, http.MethodGet, apiURL, token, nil)
			assert.Equal(t, invalidToken, refusalOf(t, confirm(c, request(bound))).Code)
		}
		assert.NoError(t, confirm(c, request(proof(nil))))
	}
}

// Many clients, more headers than fit, and a minute that ends: for the race detector.
func TestConcurrentProofs(t *testing.T) {
	var mu sync.Mutex
	now := startOfAMinute
	tick := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	c := newChecker(t, dpop.Config{Now: tick, Nonces: &dpop.Nonces{Secrets: [][]byte{randomSecret(), randomSecret()}, Always: true}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			key := jwkstest.NewKey("EdDSA")
			nonce := ""
			for n := range 20 {
				p := jwkstest.Proof(key, http.MethodGet, apiURL, token, members{"nonce": nonce}, jwkstest.Header("x", strings.Repeat("x", n%3)))
				proof := c.Proof(request(p))
				err := proof.Confirm(t.Context(), token, jktOf(key))
				if err == nil {
					nonce = max(nonce, proof.Nonce())
					continue
				}
				nonce = refusalOf(t, err).Nonce
				require.NotEmpty(t, nonce)
			}
		})
	}
	wg.Wait()
}

// Of many requests with one proof, one is let through.
func TestConcurrentReplay(t *testing.T) {
	c := newChecker(t, dpop.Config{})
	p := proof(nil)
	var wg sync.WaitGroup
	results := make(chan error, 16)
	for range cap(results) {
		wg.Go(func() { results <- confirm(c, request(p)) })
	}
	wg.Wait()
	close(results)
	accepted := 0
	for err := range results {
		if err == nil {
			accepted++
			continue
		}
		assert.ErrorIs(t, err, dpop.ErrReplay)
	}
	assert.Equal(t, 1, accepted)
}

//go:build unix

package interop_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A crowd is a number of clients that get tokens and call the API until end is called.
type crowd struct {
	wait sync.WaitGroup
	once sync.Once // closes stop
	stop chan struct{}

	mu       sync.Mutex     // guards the fields below
	served   map[string]int // by kid
	problems []string
}

func newCrowd(t *testing.T, size int, call func() (kid string, err error)) *crowd {
	c := &crowd{stop: make(chan struct{}), served: map[string]int{}}
	t.Cleanup(func() { c.end() })
	for range size {
		c.wait.Go(func() { // until stop is closed
			for !c.stopped() {
				c.note(call())
			}
		})
	}
	return c
}

func (c *crowd) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func (c *crowd) note(kid string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.served[kid]++
	if err != nil {
		c.problems = append(c.problems, err.Error())
	}
}

func (c *crowd) count(kid string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served[kid]
}

// end stops the clients and returns their problems. It can be called twice.
func (c *crowd) end() []string {
	c.once.Do(func() { close(c.stop) })
	c.wait.Wait()
	return c.problems
}

// The issuer changes its key twice while clients call the API, each time to another
// algorithm. The API learns of a new key only from a token, because the default of
// RefreshAfter is longer than the test.
func TestRotation(t *testing.T) {
	const clients, enough = 8, 24
	each(t, func(t *testing.T, p provider) {
		i := p.start(t, func(s *settings) { s.Keys = []jose.JSONWebKey{newKey(t, "RS256")} })
		api := startAPI(t, i.url)
		grant := i.grant(t, read, audience)
		crowd := newCrowd(t, clients, func() (string, error) {
			token, err := grant.token()
			if err != nil {
				return "", err
			}
			header, err := parseHeader(token.AccessToken)
			if err != nil {
				return "", err
			}
			got, err := api.try(http.MethodGet, "/timesheets", token.AccessToken)
			if err == nil && got.status != http.StatusOK {
				err = fmt.Errorf("%+v", got)
			}
			return fmt.Sprint(header["kid"]), err
		})
		served := func(kid string) func() bool {
			return func() bool { return crowd.count(kid) >= enough }
		}
		eventually(t, served(i.Keys[0].KeyID), "the clients make no progress")
		for _, algorithm := range []string{"ES256", "EdDSA"} {
			i.sign(t, newKey(t, algorithm))
			eventually(t, served(i.Keys[0].KeyID), "no token of the new key was served")
		}
		assert.Empty(t, crowd.end())
		// A request that joined a fetch from before the publication may force another one.
		assert.LessOrEqual(t, i.fetches(t, http.StatusOK), 1+2*2)
	})
}

// A 304 answer keeps the keys, and a 200 answer replaces them. Only oauth2-mock-server
// answers conditional requests (RFC 9110 section 13).
func TestNotModified(t *testing.T) {
	t.Parallel()
	i := providers[1].start(t)
	api := startAPI(t, i.url, "JWKS_REFRESH=100ms")
	old := i.token(t, read)
	eventually(t, func() bool {
		require.Equal(t, http.StatusOK, api.get(t, old).status)
		return i.fetches(t, http.StatusNotModified) > 2
	}, "the API does not ask whether the keys have changed")
	i.sign(t, newKey(t, "EdDSA"))
	assert.Equal(t, http.StatusOK, api.get(t, i.signedBy(t, i.Keys[0].KeyID)).status)
	assert.Equal(t, http.StatusOK, api.get(t, old).status)
}

// A removed key is refused after RefreshAfter plus the window of stale-while-revalidate,
// which is proportional to it. This holds for tokens in the token cache, too, even if every
// request is a hit. It also holds if another key gets the same kid (against OpenID Connect
// Core 1.0 section 10.1.1).
func TestRemovedKey(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		api := startAPI(t, i.url, "JWKS_REFRESH=250ms")
		for _, test := range []struct{ name, kid, challenge string }{
			{"replaced by another", "another", unknownKey},
			{"replaced under its name", "another", badSignature},
		} {
			old := i.token(t, read)
			api.until(t, http.StatusOK, old)

			key := newKey(t, "ES256")
			key.KeyID = test.kid
			i.redeploy(t, key)
			api.until(t, http.StatusUnauthorized, old, http.StatusOK)
			assert.Contains(t, api.get(t, old).challenge, test.challenge, test.name)
			assert.Equal(t, http.StatusOK, api.get(t, i.token(t, read)).status, test.name)
		}
	})
}

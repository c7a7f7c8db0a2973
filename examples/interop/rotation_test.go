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

// crowd is clients that get tokens and call the API until they are told to stop.
type crowd struct {
	wait sync.WaitGroup
	once sync.Once // closes stop
	stop chan struct{}

	mu       sync.Mutex     // guards what follows
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

// end stops the clients and returns what went wrong. It may be called twice.
func (c *crowd) end() []string {
	c.once.Do(func() { close(c.stop) })
	c.wait.Wait()
	return c.problems
}

// Keys are replaced twice while clients call, each time by one of another algorithm, and
// the API is told nothing: it sees a key first in a token. With RefreshAfter at its
// default nothing but that makes it look.
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
		eventually(t, served(i.Keys[0].KeyID), "the clients do not get on")
		for _, algorithm := range []string{"ES256", "EdDSA"} {
			i.sign(t, newKey(t, algorithm))
			eventually(t, served(i.Keys[0].KeyID), "no tokens by the new key")
		}
		assert.Empty(t, crowd.end())
		// A request that joined a fetch from before the key was published may ask again.
		assert.LessOrEqual(t, i.fetches(t, http.StatusOK), 1+2*2)
	})
}

// An issuer that says that nothing changed is believed, and only then. Of the three,
// oauth2-mock-server answers conditional requests (RFC 9110 section 13).
func TestNotModified(t *testing.T) {
	t.Parallel()
	i := providers[1].start(t)
	api := startAPI(t, i.url, "JWKS_REFRESH=100ms")
	old := i.token(t, read)
	eventually(t, func() bool {
		require.Equal(t, http.StatusOK, api.get(t, old).status)
		return i.fetches(t, http.StatusNotModified) > 2
	}, "it is not asked whether keys have changed")
	i.sign(t, newKey(t, "EdDSA"))
	assert.Equal(t, http.StatusOK, api.get(t, i.signedBy(t, i.Keys[0].KeyID)).status)
	assert.Equal(t, http.StatusOK, api.get(t, old).status)
}

// A key that is no longer published is refused after RefreshAfter and the window of
// stale-while-revalidate, which follows it in proportion: also for a token that is
// remembered, and though every request is served from the cache of tokens. It makes no
// difference if another key takes its name (against OpenID Connect Core 1.0 section
// 10.1.1).
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

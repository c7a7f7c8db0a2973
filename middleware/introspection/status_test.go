package introspection_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// Strangers can cause some failures by the tokens that they make up. They must not look like one of
// the endpoint, or of our credentials.
func TestStatusTellsKindsOfFailuresApart(t *testing.T) {
	for _, tt := range []struct {
		rule                string
		status              int
		body                string
		credentials, outage uint64
	}{
		{"unauthorized", 401, "", 1, 0},
		{"forbidden", 403, "", 1, 0},
		{"unavailable", 503, "", 0, 1},
		{"no answer", 0, "reset", 0, 1},
		{"bad request", 400, "", 0, 0},
		{"a 500 about a guess", 500, "", 0, 0},
		{"no JSON", 200, "<html>", 0, 0},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIntrospector(t, always(tt.status, tt.body))
				_, err := introspect(t, i, goodToken)
				requireOutage(t, err)
				s := i.Status()
				assert.EqualValues(t, 1, s.Errors)
				assert.Equal(t, tt.credentials, s.CredentialErrors)
				assert.Equal(t, tt.outage, s.Outages)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		i := newIntrospector(t, always(200, inactive), func(c *introspection.Config) {
			c.ClientID, c.ClientSecret = "", nil
			c.BearerToken = func(context.Context) (string, error) { return "", http.ErrServerClosed }
		})
		_, err := introspect(t, i, goodToken)
		requireOutage(t, err)
		assert.EqualValues(t, 1, i.Status().CredentialErrors, "no credential to show")
	})
}

func TestStatusCountsWhatIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIntrospector(t, always(503, ""))
		for n := range 8 {
			_, err := introspect(t, i, guess(n))
			requireOutage(t, err)
		}
		s := i.Status()
		assert.EqualValues(t, 5, s.Outages)
		assert.EqualValues(t, 3, s.Paused)
		assert.Zero(t, s.Limited)
	})
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			time.Sleep(10 * time.Second)
			return 200, inactive
		}}
		i := newIntrospector(t, e, func(c *introspection.Config) { c.MaxInFlight, c.UnknownPerSecond = 4, 10 })
		var group sync.WaitGroup
		for n := range 14 {
			group.Go(func() {
				_, err := introspect(t, i, guess(n))
				requireOutage(t, err)
			})
		}
		group.Wait()
		time.Sleep(20 * time.Second) // the requests end
		s := i.Status()
		assert.EqualValues(t, 3, s.Outages, "three of four are for tokens that were not accepted yet")
		assert.EqualValues(t, 7, s.LimitedInFlight)
		assert.EqualValues(t, 11, s.Limited, "with those beyond UnknownPerSecond")
		assert.Equal(t, 9*time.Second, s.RequestTime, "no request counts for longer than the Timeout")
	})
}

func TestStatusCountsEvictionsOfAcceptedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIntrospector(t, knowing(guess(1), guess(2), guess(3)), func(c *introspection.Config) { c.CacheEntries = 1 })
		for n := range 5 {
			_, _ = introspect(t, i, guess(n))
		}
		require.Equal(t, 1, i.Status().Entries)
		assert.EqualValues(t, 2, i.Status().Evictions)
	})
}

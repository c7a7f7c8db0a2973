package jwks_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// fetchReports keeps what OnFetch was told.
type fetchReports struct {
	mu  sync.Mutex
	all []string
}

func (r *fetchReports) use(c *jwks.Config) { c.OnFetch = r.add }

func (r *fetchReports) add(cause, result string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fmt.Sprint(cause, " ", result, " ", took))
}

// take returns what was told since the last call, once every goroutine waits.
func (r *fetchReports) take() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

func TestOnFetchIsToldEachFetchOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var reports fetchReports
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		cache := newCache(t, issuer, atURL(issuer), reports.use)
		requireKnown(t, cache, "known")
		assert.Equal(t, []string{"schedule ok 0s"}, reports.take())
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		require.NoError(t, cache.Refresh(t.Context()))
		assert.Equal(t, []string{"asked ok 1s"}, reports.take())
		requireUnknown(t, cache, "junk")
		assert.Equal(t, []string{"forced ok 1s"}, reports.take())
		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known")
		time.Sleep(time.Second)
		assert.Equal(t, []string{"schedule not_modified 1s"}, reports.take())

		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		requireUnavailable(t, cache, "junk")
		assert.Empty(t, reports.take(), "it is still under way")
		time.Sleep(3 * time.Second)
		assert.Equal(t, []string{"forced error 5s"}, reports.take())
	})
}

// A RoundTripper that ignores its context ends late. The fetch was given up long before.
func TestOnFetchIsToldAnAbandonedFetchOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var reports fetchReports
		issuer := newIssuer()
		release := make(chan struct{})
		cache := newCache(t, issuer, atURL(issuer), reports.use, func(c *jwks.Config) {
			c.Client = &http.Client{Transport: stuckOnce(issuer, release)}
		})
		requireUnavailable(t, cache, "known")
		time.Sleep(10 * time.Second)
		assert.Equal(t, []string{"schedule error 6s"}, reports.take())
		close(release)
		assert.Empty(t, reports.take())
	})
}

func TestOnFetchIsNotToldAFetchThatNeverBegan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var reports fetchReports
		limit := jwks.NewFetchLimit(1)
		share := func(c *jwks.Config) { c.FetchLimit = limit }
		other, issuer := newIssuer(), newIssuer()
		release := make(chan struct{})
		stuck := newCache(t, other, atURL(other), share, func(c *jwks.Config) {
			c.Client = &http.Client{Transport: stuckOnce(other, release)}
		})
		requireUnavailable(t, stuck, "known")
		cache := newCache(t, issuer, atURL(issuer), share, reports.use)
		requireUnavailable(t, cache, "known")
		time.Sleep(time.Minute)
		assert.Empty(t, reports.take())
		assert.Equal(t, uint64(1), cache.Status().Fetches)
		close(release)
	})
}

// It must not keep requests waiting, nor the next fetch.
func TestOnFetchRunsAfterTheRequestsWereReleased(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hold := make(chan struct{})
		defer close(hold)
		issuer := newIssuer()
		calls := make(chan string, 10)
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.FetchLimit = jwks.NewFetchLimit(1)
			c.OnFetch = func(cause, _ string, _ time.Duration) {
				calls <- cause
				<-hold
			}
		})
		requireKnown(t, cache, "known")
		require.NoError(t, cache.Refresh(t.Context()))
		synctest.Wait()
		assert.Len(t, calls, 2)
	})
}

func TestA15PanicOfOnFetchIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		var d slowDisk
		cache := newCache(t, newIssuer(), withLog(&log), d.use, func(c *jwks.Config) {
			c.OnFetch = func(string, string, time.Duration) { panic("no metrics") }
		})
		requireKnown(t, cache, "known")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{refreshedEvent, "ERROR jwks: a panic was recovered in OnFetch"}, log.take())
		assert.Contains(t, log.text(), `panic="no metrics"`)
		assert.Equal(t, 1, d.writes, "the document is stored all the same")
		require.NoError(t, cache.Refresh(t.Context()))
	})
}

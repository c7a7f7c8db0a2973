package jwks_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
)

// A crowdOfIssuers are many issuers whose caches share one FetchLimit. Each answers after 50 ms,
// or never. All publish the same keys.
type crowdOfIssuers struct {
	caches []*jwks.Cache
	log    eventLog

	mu    sync.Mutex
	hangs map[string]bool // by host
	slow  time.Duration   // the hosts that hang answer after this; zero: never
	keys  string
}

func newCrowdOfIssuers(t *testing.T, n, limit int) *crowdOfIssuers {
	t.Helper()
	c := &crowdOfIssuers{hangs: make(map[string]bool), keys: string(newIssuer().Document())}
	shared := jwks.NewFetchLimit(limit)
	for i := range n {
		cache, err := jwks.New(jwks.Config{
			Issuer: "https://" + c.host(i) + "/", Client: &http.Client{Transport: c},
			Logger: c.log.logger(), FetchLimit: shared,
		})
		require.NoError(t, err)
		c.caches = append(c.caches, cache)
	}
	return c
}

func (c *crowdOfIssuers) host(i int) string { return fmt.Sprintf("i%d.example.test", i) }

// hang makes the issuers from one number up to another hang, or slow if it is not zero.
func (c *crowdOfIssuers) hang(from, to int, slow time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow = slow
	for i := from; i < to; i++ {
		c.hangs[c.host(i)] = true
	}
}

func (c *crowdOfIssuers) publish(document []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = string(document)
}

func (c *crowdOfIssuers) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	hangs, slow, body := c.hangs[r.URL.Host], c.slow, c.keys
	c.mu.Unlock()
	if hangs && slow == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if strings.HasSuffix(r.URL.Path, "openid-configuration") {
		body = fmt.Sprintf(`{"issuer":"https://%s/","jwks_uri":"https://%[1]s/keys"}`, r.URL.Host)
	}
	if !hangs {
		slow = issuerLatency
	}
	select {
	case <-time.After(slow):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// serve sends a request for each cache at the same moment, again and again until it is served. It
// returns how long the last one took, and how many requests were not served.
func (c *crowdOfIssuers) serve(t *testing.T) (last time.Duration, unserved int64) {
	var failed atomic.Int64
	last = took(func() {
		concurrently(len(c.caches), func(i int) {
			for _, err := c.caches[i].Keys(t.Context(), alg, "known"); err != nil; _, err = c.caches[i].Keys(t.Context(), alg, "known") {
				failed.Add(1)
				time.Sleep(100 * time.Millisecond)
			}
		})
	})
	return last, failed.Load()
}

// The limit of middleware for 5,000 issuers is 512. With it, no request gives up. With fewer slots
// requests give up, but no issuer has failed.
func TestA11RestartWithManyHealthyIssuers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		issuers, limit int
		most           time.Duration
	}{
		"5,000 issuers, limit of 512": {5000, 512, (5000/512 + 1) * 2 * issuerLatency},
		"1,000 issuers, limit of 16":  {1000, 16, (1000/16 + 1) * 2 * issuerLatency},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCrowdOfIssuers(t, tt.issuers, tt.limit)
				last, unserved := c.serve(t)
				assert.Less(t, tt.most, 7*time.Second)
				assert.LessOrEqual(t, last, tt.most)
				assert.Equal(t, tt.limit < 512, unserved > 0)
				synctest.Wait()
				for _, event := range c.log.take() {
					require.NotRegexp(t, "^(WARN|ERROR)", event, "waiting for a slot is no failure")
				}
				for _, cache := range c.caches {
					require.Zero(t, cache.Status().FailedFetches)
				}
			})
		})
	}
}

// attack keeps asking for the keys of the issuers from one number up to another, and for kids that
// they do not have, as strangers can do with an unverified iss.
func (c *crowdOfIssuers) attack(t *testing.T, from, to int, until time.Time) {
	for i := from; i < to; i++ {
		for _, kid := range []string{"known", "junk"} {
			go func() {
				for time.Now().Before(until) {
					_, _ = c.caches[i].Keys(t.Context(), alg, kid)
					time.Sleep(500 * time.Millisecond)
				}
			}()
		}
	}
}

// 100 of 200 issuers hang, before their first fetch or later. The others are healthy: a cold start
// and the first use of a new key take as long as if the issuer were the only one. With too few
// slots this holds once every issuer that hangs has failed.
func TestA12HangingIssuersDoNotDelayAHealthyOne(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit int
		warm  bool
		slow  time.Duration // they do not hang, but answer so slowly
		onset time.Duration // until every issuer that hangs has failed once
	}{
		"limit of 16, cold":       {16, false, 0, (100/16 + 1) * 5 * time.Second},
		"limit of 16, warm":       {16, true, 0, (100/16 + 1) * 5 * time.Second},
		"limit of 16, slow, warm": {16, true, 4 * time.Second, (100/16 + 1) * 5 * time.Second},
		"limit of 200, cold":      {200, false, 0, 0},
		"limit of 200, warm":      {200, true, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCrowdOfIssuers(t, 200, tt.limit)
				healthy := newIssuer()
				c.publish(healthy.Document())
				if tt.warm {
					c.serve(t)
				}
				c.hang(0, 100, tt.slow)
				until := time.Now().Add(tt.onset + 5*time.Minute)
				c.attack(t, 0, 100, until)
				time.Sleep(tt.onset)

				start := took(func() { requireKnown(t, c.caches[199], "known") })
				if !tt.warm {
					assert.Equal(t, 2*issuerLatency, start)
				}
				for n := range 20 {
					time.Sleep(12 * time.Second)
					kid := healthy.Rotate().ID
					c.publish(healthy.Document())
					assert.Equal(t, issuerLatency, took(func() { requireKnown(t, c.caches[199], kid) }), n)
				}
				time.Sleep(time.Until(until) + 40*time.Second) // fetches that wait for a slot end, too
			})
		})
	}
}

// The time that a fetch waits for its slot is not the issuer's.
func TestA12TimeOfAFetchBeginsWithItsSlot(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := newCrowdOfIssuers(t, 3, 1)
		c.hang(0, 3, 2*time.Second) // discovery and the key set: 4 s
		concurrently(3, func(i int) {
			assert.NoError(t, c.caches[i].Refresh(t.Context()))
		})
		for _, cache := range c.caches {
			assertState(t, jwks.StateFresh, cache)
			assert.Zero(t, cache.Status().FailedFetches)
		}
	})
}

package introspection_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// A flood of guesses is bounded per second. It gets a 503, and tokens that are in use go on: from
// memory, and by a request once their answer is too old.
func TestFloodOfGuessesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := knowing(goodToken)
		i := newIntrospector(t, e)
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		refused := 0
		for n := range 2000 {
			_, err := introspect(t, i, guess(n))
			if err != nil && !assert.ObjectsAreEqual(claims.ErrRejected, reasonOf(err)) {
				assert.Equal(t, time.Second, requireOutage(t, err).RetryAfter)
				refused++
			}
		}
		assert.Equal(t, 500, e.count(), "the good one is one of them")
		assert.Equal(t, 1501, refused)
		assert.EqualValues(t, 1501, i.Status().Limited)
		remembered, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		assert.True(t, remembered)

		time.Sleep(29*time.Second + 990*time.Millisecond)
		for n := range 600 {
			_, _ = introspect(t, i, guess(10_000+n))
		}
		time.Sleep(10 * time.Millisecond) // brings 5 more
		for n := range 5 {
			_, _ = introspect(t, i, guess(20_000+n))
		}
		remembered, err = introspect(t, i, goodToken)
		require.NoError(t, err, "a token that was active is not an unknown one")
		assert.False(t, remembered)
		assert.Equal(t, 2, e.asked(goodToken))
	})
}

func reasonOf(err error) claims.Reason {
	if strings.Contains(err.Error(), "not active") {
		return claims.ErrRejected
	}
	return ""
}

func TestBucketRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := knowing()
		i := newIntrospector(t, e, func(c *introspection.Config) { c.UnknownPerSecond = 10 })
		ask := func(from, count int) {
			for n := range count {
				_, _ = introspect(t, i, guess(from+n))
			}
		}
		ask(0, 20)
		assert.Equal(t, 10, e.count())
		time.Sleep(500 * time.Millisecond)
		ask(20, 20)
		assert.Equal(t, 15, e.count())
		time.Sleep(time.Hour)
		ask(40, 20)
		assert.Equal(t, 25, e.count())
	})
}

// Guesses fill three quarters of the requests at a time. The others wait, and are refused in time.
func TestRequestsAtATimeAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		var now, most atomic.Int64
		e := &endpoint{answer: func(r *http.Request, form url.Values) (int, string) {
			n := now.Add(1)
			defer now.Add(-1)
			most.Store(max(most.Load(), n))
			if slow.Load() && form.Get("token") != goodToken {
				<-r.Context().Done()
				return 0, "slow"
			}
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		slow.Store(true)
		began := time.Now()
		var group sync.WaitGroup
		for n := range 200 {
			group.Go(func() {
				_, err := introspect(t, i, guess(n))
				requireOutage(t, err)
				assert.LessOrEqual(t, time.Since(began), 6*time.Second)
			})
		}
		synctest.Wait()
		assert.Equal(t, 48, i.Status().InFlight)
		_, err = introspect(t, i, goodToken)
		require.NoError(t, err, "its requests have room")
		assert.Zero(t, time.Since(began))
		group.Wait()
		synctest.Wait()
		assert.LessOrEqual(t, most.Load(), int64(49))
		assert.Zero(t, i.Status().InFlight)
	})
}

// After 5 failures in a row the endpoint is asked once a second, and no request waits for it.
func TestFailingEndpointIsAskedOnceASecond(t *testing.T) {
	for _, status := range []int{0, 401, 403, 429, 502, 503} {
		testFailingEndpoint(t, status)
	}
}

func testFailingEndpoint(t *testing.T, status int) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		e := &endpoint{answer: func(r *http.Request, _ url.Values) (int, string) {
			if down.Load() {
				return status, ""
			}
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		for n := range 50 {
			_, err := introspect(t, i, guess(n))
			requireOutage(t, err)
		}
		assert.Equal(t, 5, e.count())
		for range 10 {
			time.Sleep(time.Second)
			for n := range 50 {
				_, err := introspect(t, i, guess(n))
				assert.LessOrEqual(t, requireOutage(t, err).RetryAfter, time.Second)
			}
		}
		assert.Equal(t, 15, e.count())
		down.Store(false)
		time.Sleep(time.Second)
		for n := range 50 {
			_, err := introspect(t, i, guess(n))
			require.NoError(t, err)
		}
	})
}

// While the one request of a second is under way, there is no other.
func TestFailingEndpointHasOneRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(r *http.Request, _ url.Values) (int, string) {
			<-r.Context().Done()
			return 0, "timeout"
		}}
		i := newIntrospector(t, e)
		var group sync.WaitGroup
		askAll := func(from, count int) {
			for n := range count {
				group.Go(func() {
					_, err := introspect(t, i, guess(from+n))
					requireOutage(t, err)
				})
			}
		}
		askAll(0, 5)
		group.Wait()
		time.Sleep(time.Second)
		askAll(10, 20)
		synctest.Wait()
		assert.Equal(t, 1, i.Status().InFlight)
		group.Wait()
		assert.Equal(t, 6, e.count())
	})
}

// A token whose exp the issuer does not tell is a known one.
func TestTokensWithoutExpStayKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := always(200, `{"active":true}`)
		i := newIntrospector(t, e, func(c *introspection.Config) { c.UnknownPerSecond = 1 })
		for range 3 {
			_, _ = introspect(t, i, goodToken)
			time.Sleep(time.Minute)
			_, _ = introspect(t, i, guess(e.count()))
			_, err := introspect(t, i, goodToken)
			require.NoError(t, err)
		}
		assert.Equal(t, 4, e.asked(goodToken), "once at first, and once a minute")
	})
}

// A token that has expired is an unknown one, so that it is bounded like a guess.
func TestExpiredTokensAreUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := always(200, activeAnswer(map[string]any{"exp": time.Now().Add(10 * time.Second).Unix()}))
		i := newIntrospector(t, e, func(c *introspection.Config) { c.UnknownPerSecond = 1 })
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		_, _ = introspect(t, i, guess(0))
		_, err = introspect(t, i, goodToken)
		requireOutage(t, err)
		assert.Equal(t, 1, e.asked(goodToken))
	})
}

// The endpoint calls some tokens malformed, or fails about them. A stranger who finds such a text
// must not stop the requests for the tokens of others.
func TestTokensThatTheEndpointDislikesStopNoOthers(t *testing.T) {
	for rule, status := range map[string]int{"malformed": 400, "an error of the server": 500} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &endpoint{answer: func(_ *http.Request, form url.Values) (int, string) {
					if form.Get("token") != goodToken {
						return status, ""
					}
					return 200, activeAnswer(nil)
				}}
				i := newIntrospector(t, e)
				_, err := introspect(t, i, goodToken)
				require.NoError(t, err)
				time.Sleep(30 * time.Second)
				for n := range 20 {
					_, err := introspect(t, i, guess(n))
					requireOutage(t, err)
				}
				_, err = introspect(t, i, goodToken)
				require.NoError(t, err)
				requests := i.Status().Requests
				_, err = introspect(t, i, guess(100))
				requireOutage(t, err)
				assert.Equal(t, requests+1, i.Status().Requests, "a first use goes on as well")
			})
		})
	}
}

// Tokens that were accepted have no bucket. What keeps them from an endpoint with errors is that a
// 500 about them is a failure of the endpoint.
func TestErrorsAboutKnownTokensAreFailuresOfTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			if down.Load() {
				return 500, ""
			}
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		down.Store(true)
		time.Sleep(30 * time.Second)
		for range 50 {
			_, err := introspect(t, i, goodToken)
			requireOutage(t, err)
		}
		assert.Equal(t, 6, e.count())
	})
}

func TestRetryAfterOfTheEndpointIsObeyed(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		testRetryAfter(t, status)
	}
}

func testRetryAfter(t *testing.T, status int) {
	synctest.Test(t, func(t *testing.T) {
		e := always(status, "")
		i := newIntrospector(t, e, func(c *introspection.Config) { c.Client = &http.Client{Transport: retryAfter{e, "7"}} })
		_, err := introspect(t, i, guess(0))
		assert.Equal(t, 7*time.Second, requireOutage(t, err).RetryAfter)
		time.Sleep(7*time.Second - 1)
		_, err = introspect(t, i, guess(1))
		assert.EqualValues(t, 1, requireOutage(t, err).RetryAfter)
		assert.Equal(t, 1, e.count())
		time.Sleep(time.Nanosecond)
		_, _ = introspect(t, i, guess(1))
		assert.Equal(t, 2, e.count())
	})
}

// retryAfter adds a field to all answers.
type retryAfter struct {
	*endpoint
	seconds string
}

func (a retryAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.endpoint.RoundTrip(r)
	if err == nil {
		res.Header.Set("Retry-After", a.seconds)
	}
	return res, err
}

func TestStaleAnswersServeAnOutageOnlyIfConfigured(t *testing.T) {
	for _, tc := range []struct {
		rule     string
		stale    time.Duration
		exp      any
		after    time.Duration
		answered bool
	}{
		{"not by default", 0, nil, 30 * time.Second, false},
		{"if configured", time.Minute, time.Hour, 30 * time.Second, true},
		{"without exp", time.Minute, nil, 89 * time.Second, true},
		{"until the end", time.Minute, time.Hour, 90*time.Second - 1, true},
		{"no longer", time.Minute, time.Hour, 90 * time.Second, false},
		{"not past exp", time.Minute, 40 * time.Second, 40 * time.Second, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				exp := tc.exp
				if d, ok := exp.(time.Duration); ok {
					exp = time.Now().Add(d).Unix()
				}
				good := activeAnswer(map[string]any{"exp": exp})
				e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
					if down.Load() {
						return 0, "refused"
					}
					return 200, good
				}}
				i := newIntrospector(t, e, func(c *introspection.Config) { c.StaleIfError = tc.stale })
				_, err := introspect(t, i, goodToken)
				require.NoError(t, err)
				down.Store(true)
				time.Sleep(tc.after)
				remembered, err := introspect(t, i, goodToken)
				assert.Equal(t, 2, e.count())
				if !tc.answered {
					requireOutage(t, err)
					return
				}
				require.NoError(t, err)
				assert.True(t, remembered)
				assert.EqualValues(t, 1, i.Status().Stale)
			})
		})
	}
}

// A caller with little time must not get an old answer because of that.
func TestStaleAnswersAreForOutagesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			time.Sleep(time.Second)
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e, func(c *introspection.Config) { c.StaleIfError = time.Minute })
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		time.Sleep(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, err = i.Introspect(ctx, issuerURL, goodToken)
		requireOutage(t, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Second)
	})
}

// An answer that a token is not active is no outage.
func TestRevokedTokenIsNotServedStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Bool
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			if revoked.Load() {
				return 200, inactive
			}
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e, func(c *introspection.Config) { c.StaleIfError = time.Minute })
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		revoked.Store(true)
		time.Sleep(30 * time.Second)
		_, err = introspect(t, i, goodToken)
		require.ErrorIs(t, err, claims.ErrRejected)
	})
}

// anyQuery removes the query of a request.
type anyQuery struct{ *endpoint }

func (a anyQuery) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.RawQuery = ""
	return a.endpoint.RoundTrip(r)
}

// The operator gets one line when the endpoint begins to fail, and not one for each request.
func TestFailuresAreLoggedOnce(t *testing.T) {
	for _, tc := range []struct {
		status int
		level  string
	}{{401, "ERROR"}, {403, "ERROR"}, {400, "WARN"}, {500, "WARN"}, {503, "WARN"}, {0, "WARN"}} {
		synctest.Test(t, func(t *testing.T) {
			var log lineLog
			var up atomic.Bool
			e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
				if up.Load() {
					return 200, inactive
				}
				return tc.status, "a text of the endpoint"
			}}
			i := newIntrospector(t, e, logTo(&log), func(c *introspection.Config) {
				c.Client = &http.Client{Transport: anyQuery{e}}
				c.Endpoint += "?key=hidden"
			})
			for n := range 40 {
				_, err := introspect(t, i, guess(n))
				requireOutage(t, err)
				time.Sleep(time.Second)
			}
			require.Len(t, log.all(), 1, tc.status)
			assert.Equal(t, tc.status == 400 || tc.status == 500, strings.Contains(log.all()[0], "about a token"))
			assert.Contains(t, log.all()[0], "level="+tc.level)
			assert.NotContains(t, log.all()[0], "a-guess")
			assert.NotContains(t, log.all()[0], "hidden")
			assert.Contains(t, log.all()[0], endpointURL)
			if tc.status != 0 {
				assert.NotContains(t, log.all()[0], "a text of the endpoint")
			}
			up.Store(true)
			for n := range 5 {
				_, _ = introspect(t, i, guess(100+n))
			}
			require.Len(t, log.all(), 2)
			assert.Contains(t, log.all()[1], "level=INFO")
		})
	}
}

package introspection_test

import (
	"context"
	"fmt"
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

func TestAnswersAreUsedForTheirTTL(t *testing.T) {
	for _, tc := range []struct {
		rule  string
		ttl   time.Duration
		exp   time.Duration
		fresh time.Duration // for how long no request is made
	}{
		{"by default 30 seconds", 0, time.Hour, 30 * time.Second},
		{"as configured", time.Minute, time.Hour, time.Minute},
		{"not past exp", 0, 20 * time.Second, 20 * time.Second},
		{"switched off", -1, time.Hour, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				exp := time.Now().Add(tc.exp).Unix()
				e := always(200, activeAnswer(map[string]any{"exp": exp}))
				i := newIntrospector(t, e, func(c *introspection.Config) { c.TTL = tc.ttl })
				remembered, err := introspect(t, i, goodToken)
				require.NoError(t, err)
				assert.False(t, remembered)
				if tc.fresh > 0 {
					time.Sleep(tc.fresh - time.Nanosecond)
					remembered, err = introspect(t, i, goodToken)
					require.NoError(t, err)
					assert.True(t, remembered)
					assert.Equal(t, 1, e.count())
					time.Sleep(time.Nanosecond)
				}
				_, _ = introspect(t, i, goodToken)
				assert.Equal(t, 2, e.count())
			})
		})
	}
}

// The time of an answer counts from the request. A revocation while the answer is on its way is
// noticed as early as any other.
func TestTTLCountsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			time.Sleep(2 * time.Second)
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		time.Sleep(28 * time.Second)
		_, err = introspect(t, i, goodToken)
		require.NoError(t, err)
		assert.Equal(t, 2, e.count())
	})
}

func TestRevokedTokenIsRefusedAfterTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Bool
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			if revoked.Load() {
				return 200, inactive
			}
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		v := newVerifier(t, i)
		_, err := v.Verify(t.Context(), goodToken)
		require.NoError(t, err)
		revoked.Store(true)
		time.Sleep(30*time.Second - 1)
		_, err = v.Verify(t.Context(), goodToken)
		require.NoError(t, err, "the price of the cache")
		time.Sleep(time.Nanosecond)
		_, err = v.Verify(t.Context(), goodToken)
		require.ErrorIs(t, err, claims.ErrRejected)
		assert.Zero(t, i.Status().Entries)
	})
}

func TestInactiveTokensAreRememberedForTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := knowing()
		i := newIntrospector(t, e)
		for range 3 {
			_, err := introspect(t, i, goodToken)
			require.ErrorIs(t, err, claims.ErrRejected)
		}
		assert.Equal(t, 1, e.count())
		time.Sleep(10 * time.Second)
		_, err := introspect(t, i, goodToken)
		require.ErrorIs(t, err, claims.ErrRejected)
		assert.Equal(t, 2, e.count())
	})
}

// An issuer that says active for an expired token must not be asked with each request.
func TestExpiredActiveTokensAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := always(200, activeAnswer(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}))
		i := newIntrospector(t, e)
		v := newVerifier(t, i)
		for range 3 {
			_, err := v.Verify(t.Context(), goodToken)
			require.ErrorIs(t, err, claims.ErrExpired)
		}
		assert.Equal(t, 1, e.count())
		assert.Zero(t, i.Status().Entries)
	})
}

// Guesses cannot evict tokens that are active, whatever their number.
func TestGuessesDoNotEvictActiveTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := knowing(goodToken)
		i := newIntrospector(t, e, func(c *introspection.Config) { c.CacheEntries, c.UnknownPerSecond = 1, 100_000 })
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		for n := range 3000 {
			_, err := introspect(t, i, guess(n))
			require.ErrorIs(t, err, claims.ErrRejected)
		}
		remembered, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		assert.True(t, remembered)
		s := i.Status()
		assert.Equal(t, 1, s.Entries)
		assert.Equal(t, 1024, s.InactiveEntries)
	})
}

func TestConcurrentRequestsShareOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(*http.Request, url.Values) (int, string) {
			time.Sleep(time.Second)
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				_, err := introspect(t, i, goodToken)
				assert.NoError(t, err)
			})
		}
		group.Wait()
		assert.Equal(t, 1, e.count())
		assert.Zero(t, i.Status().InFlight)
	})
}

// The first caller's request is cancelled. The others wait for the same answer, and get it.
func TestCancelledRequestDoesNotCancelTheSharedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: func(r *http.Request, _ url.Values) (int, string) {
			select {
			case <-time.After(time.Second):
				return 200, activeAnswer(nil)
			case <-r.Context().Done():
				return 0, "cancelled"
			}
		}}
		i := newIntrospector(t, e)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, _, err := i.Introspect(ctx, issuerURL, goodToken)
			left <- err
		}()
		synctest.Wait()
		began := time.Now()
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(began))
		err = <-left
		require.ErrorIs(t, err, context.Canceled)
		requireOutage(t, err)
		assert.Equal(t, 1, e.count())
	})
}

func TestFailuresAreNeverAcceptance(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		status int
		body   string
	}{
		{"no connection", 0, "dial tcp: refused"},
		{"our credentials are wrong", 401, `{"error":"invalid_client"}`},
		{"a bad request", 400, `{"error":"invalid_request"}`},
		{"forbidden", 403, activeAnswer(nil)},
		{"not found", 404, inactive},
		{"a redirect", 307, activeAnswer(nil)},
		{"another success", 201, activeAnswer(nil)},
		{"no content", 204, ""},
		{"too many requests", 429, ""},
		{"an error of the server", 500, inactive},
		{"unavailable", 503, ""},
		{"empty", 200, ""},
		{"HTML", 200, "<html>active</html>"},
		{"no object", 200, "true"},
		{"no active", 200, `{}`},
		{"active null", 200, `{"active":null}`},
		{"active a string", 200, `{"active":"true"}`},
		{"active a number", 200, `{"active":1}`},
		{"active in capitals", 200, `{"Active":true}`},
		{"active twice", 200, `{"active":false,"active":true}`},
		{"bytes after it", 200, activeAnswer(nil) + "x"},
		{"exp a string", 200, activeAnswer(map[string]any{"exp": "soon"})},
		{"exp in milliseconds", 200, activeAnswer(map[string]any{"exp": 1893553445000})},
		{"cnf null", 200, `{"active":true,"cnf":null}`},
		{"too long", 200, `{"active":true,"x":"` + strings.Repeat("x", 64<<10) + `"}`},
		{"a JWT", 200, "eyJhbGciOiJub25lIn0.e30."},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newIntrospector(t, always(tc.status, tc.body))
				_, err := newVerifier(t, i).Verify(t.Context(), goodToken)
				require.ErrorIs(t, err, claims.ErrUnavailable)
				assert.Equal(t, time.Second, requireOutage(t, err).RetryAfter)
				s := i.Status()
				assert.EqualValues(t, 1, s.Errors)
				assert.EqualValues(t, 1, s.Requests)
				require.Error(t, s.LastError)
				assert.Equal(t, time.Now(), s.LastErrorAt)
				if tc.status != 0 && len(tc.body) > 4 {
					assert.NotContains(t, err.Error(), tc.body[:min(len(tc.body), 100)][1:], "the body is never told")
				}
			})
		})
	}
}

func TestRequestIsBoundedInTime(t *testing.T) {
	for rule, ignores := range map[string]bool{"the Client obeys its context": false, "the Client ignores its context": true} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				e := &endpoint{answer: func(r *http.Request, _ url.Values) (int, string) {
					if !ignores {
						<-r.Context().Done()
						return 0, "timeout"
					}
					<-release
					return 200, activeAnswer(nil)
				}}
				i := newIntrospector(t, e)
				began := time.Now()
				_, err := introspect(t, i, goodToken)
				requireOutage(t, err)
				assert.Equal(t, 3*time.Second, time.Since(began))
				close(release)
				synctest.Wait()
				assert.Zero(t, i.Status().InFlight)
			})
		})
	}
}

// The operator must find out which claim is wrong. The value is not told.
func TestClaimOfAWrongTypeIsNamed(t *testing.T) {
	for name, value := range map[string]any{"exp": "soon", "aud": 7, "cnf": "a key", "sub": true} {
		i := newIntrospector(t, always(200, activeAnswer(map[string]any{name: value})))
		_, err := introspect(t, i, goodToken)
		requireOutage(t, err)
		require.ErrorContains(t, err, "the right types: "+name+": ")
		assert.NotContains(t, err.Error(), fmt.Sprint(value))
		assert.NotErrorIs(t, err, claims.ErrMalformed)
	}
}

// A panic on the goroutine of a request to the endpoint would end the process.
func TestPanicsAreFailures(t *testing.T) {
	for rule, edit := range map[string]func(*introspection.Config){
		"of the Client": func(c *introspection.Config) { c.Client = &http.Client{Transport: panicking{}} },
		"of BearerToken": func(c *introspection.Config) {
			c.ClientID, c.ClientSecret = "", nil
			c.BearerToken = func(context.Context) (string, error) { panic(secret) }
		},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lineLog
				i := newIntrospector(t, knowing(), edit, logTo(&log))
				_, err := introspect(t, i, goodToken)
				requireOutage(t, err)
				assert.ErrorContains(t, err, "a panic in")
				assert.Zero(t, i.Status().InFlight)
				require.Len(t, log.all(), 1)
				assert.NotContains(t, log.all()[0]+err.Error(), secret)
			})
		})
	}
}

type panicking struct{}

func (panicking) RoundTrip(r *http.Request) (*http.Response, error) { panic(secret) }

func TestStatusCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIntrospector(t, knowing(goodToken))
		for _, token := range []string{goodToken, goodToken, guess(1), guess(1), guess(2)} {
			_, _ = introspect(t, i, token)
		}
		s := i.Status()
		assert.Equal(t, [5]uint64{3, 1, 2, 0, 2}, [5]uint64{s.Requests, s.Active, s.Inactive, s.Errors, s.Cached})
		assert.Equal(t, [2]int{1, 2}, [2]int{s.Entries, s.InactiveEntries})
		assert.NoError(t, s.LastError)
	})
}

// Issuers that share an Introspector do not share answers.
func TestAnswersBelongToOneIssuer(t *testing.T) {
	e := always(200, `{"active":true}`)
	i := newIntrospector(t, e)
	for _, issuer := range []string{issuerURL, "https://other.example"} {
		payload, _, err := i.Introspect(t.Context(), issuer, goodToken)
		require.NoError(t, err)
		c, err := claims.ParseUnverified([]byte(payload))
		require.NoError(t, err)
		assert.Equal(t, issuer, c.Issuer())
	}
	assert.Equal(t, 2, e.count())
}

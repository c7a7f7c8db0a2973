package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

func staticKeys(t testing.TB, issuer *jwkstest.Issuer) claims.KeySet {
	t.Helper()
	keys, err := jwks.NewStatic(issuer.Document())
	require.NoError(t, err)
	return keys
}

// A tenancy is a Middleware with several issuers, each with its own faults.
type tenancy struct {
	issuers []*jwkstest.Issuer
	auth    *middleware.Middleware
}

func newTenancy(t testing.TB, n int, edits ...func(*middleware.Config)) *tenancy {
	t.Helper()
	s := &tenancy{}
	byHost := hosts{}
	config := middleware.Config{Client: &http.Client{Transport: byHost}, Logger: slog.New(slog.DiscardHandler)}
	for i := range n {
		host := fmt.Sprintf("tenant%d.example.test", i)
		issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://" + host + "/"})
		byHost[host] = issuer.Client().Transport
		s.issuers = append(s.issuers, issuer)
		config.Issuers = append(config.Issuers, claims.Issuer{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}})
	}
	for _, edit := range edits {
		edit(&config)
	}
	var err error
	s.auth, err = middleware.New(config)
	require.NoError(t, err)
	return s
}

type hosts map[string]http.RoundTripper

func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) { return h[r.URL.Host].RoundTrip(r) }

func (s *tenancy) states() []jwks.State {
	var states []jwks.State
	for _, issuer := range s.auth.Status().Issuers {
		states = append(states, issuer.State)
	}
	return states
}

func TestStatusOfEachIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 2)
		assert.Equal(t, []jwks.State{jwks.StateCold, jwks.StateCold}, s.states())
		serve(t, s.auth.Handler(whoami), bearer(s.issuers[1].Token(nil)))
		assert.Equal(t, []jwks.State{jwks.StateCold, jwks.StateFresh}, s.states())

		status := s.auth.Status()
		assert.Equal(t, s.issuers[0].URL(), status.Issuers[0].Issuer, "in the order of the Config")
		assert.Equal(t, s.issuers[1].URL(), status.Issuers[1].Issuer)
		assert.Equal(t, 1, status.Issuers[1].Keys)
		assert.Equal(t, 1, status.CacheEntries)
	})
}

func TestStatusWithoutAKeyCache(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{
		{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer)},
	}})
	require.NoError(t, err)
	assert.Equal(t, []jwks.Status{{Issuer: issuer.URL()}}, auth.Status().Issuers)
	require.NoError(t, auth.Ready(t.Context()), "static keys are always there")

	auth = newAuth(t, accepting(t, `{}`))
	assert.Empty(t, auth.Status())
	require.NoError(t, auth.Ready(t.Context()))
}

// A Verifier that the program has made is seen as well.
func TestStatusOfAVerifier(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{
		{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer)},
	}})
	require.NoError(t, err)
	assert.Equal(t, []jwks.Status{{Issuer: issuer.URL()}}, newAuth(t, v).Status().Issuers)
}

func TestReady(t *testing.T) {
	for rule, tt := range map[string]struct {
		down  []int
		ready bool
	}{
		"all answer":     {nil, true},
		"one is down":    {[]int{0}, true},
		"another one is": {[]int{1}, true},
		"all are down":   {[]int{0, 1}, false},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTenancy(t, 2)
				for _, n := range tt.down {
					s.issuers[n].Fail(jwkstest.Discovery, jwkstest.Respond(500, nil, ""))
				}
				for range 2 { // the second time from what is there
					err := s.auth.Ready(t.Context())
					if tt.ready {
						require.NoError(t, err)
						continue
					}
					var e *middleware.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, http.StatusServiceUnavailable, e.Status)
					assert.ErrorIs(t, err, claims.ErrKeysUnavailable)
					assert.Positive(t, e.RetryAfter)
					for _, issuer := range s.issuers {
						assert.ErrorContains(t, err, issuer.URL())
					}
				}
			})
		})
	}
}

func TestReadyWaitsForAtMostThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 100)
		for _, issuer := range s.issuers {
			issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		}
		begin := time.Now()
		require.ErrorIs(t, s.auth.Ready(t.Context()), claims.ErrKeysUnavailable)
		assert.Equal(t, 3*time.Second, time.Since(begin))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		require.ErrorIs(t, s.auth.Ready(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(begin))
		time.Sleep(time.Minute) // until the fetches have ended
	})
}

// One usable issuer is enough: no fetch begins for an issuer that was not asked yet.
func TestReadyAsksNoFurtherThanNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 200)
		for _, issuer := range s.issuers[1:] {
			issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		}
		require.NoError(t, s.auth.Ready(t.Context()))
		synctest.Wait()
		begun := uint64(0)
		for _, issuer := range s.auth.Status().Issuers {
			begun += issuer.Fetches
		}
		assert.LessOrEqual(t, begun, uint64(65))
		time.Sleep(time.Minute) // until the fetches have ended
	})
}

// Ready asks on goroutines, where a panic would end the process.
func TestReadySurvivesAPanicOfObserveWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 2, func(c *middleware.Config) {
			c.ObserveWait = func(context.Context) func(error) { panic("a bug") }
		})
		for _, issuer := range s.issuers {
			issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second)) // an answer at once needs no wait
		}
		require.ErrorIs(t, s.auth.Ready(t.Context()), claims.ErrKeysUnavailable)
		time.Sleep(time.Minute) // until the fetches have ended
	})
}

// Run fetches the keys of all issuers at once, and keeps them current without a request.
func TestRunOfAMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 3)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.auth.Run(ctx) }()
		time.Sleep(time.Second)
		assert.Equal(t, []jwks.State{jwks.StateFresh, jwks.StateFresh, jwks.StateFresh}, s.states())
		time.Sleep(12 * time.Hour)
		assert.Equal(t, []jwks.State{jwks.StateFresh, jwks.StateFresh, jwks.StateFresh}, s.states())
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestRunWithoutAKeyCacheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		assert.ErrorIs(t, newAuth(t, accepting(t, `{}`)).Run(ctx), context.DeadlineExceeded)
	})
}

func TestFetchesAndWaitsAreObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type fetched struct{ issuer, cause, result string }
		fetches := make(chan fetched, 10)
		waits := 0
		type key struct{}
		s := newTenancy(t, 1, func(c *middleware.Config) {
			c.ObserveFetch = func(issuer, cause, result string, _ time.Duration) { fetches <- fetched{issuer, cause, result} }
			c.ObserveWait = func(ctx context.Context) func(error) {
				assert.Equal(t, "of the request", ctx.Value(key{}))
				return func(err error) {
					assert.NoError(t, err)
					waits++
				}
			}
		})
		s.issuers[0].Fail(jwkstest.JWKS, jwkstest.Delay(time.Second)) // an answer at once needs no wait
		r := bearer(s.issuers[0].Token(nil))
		r = r.WithContext(context.WithValue(r.Context(), key{}, "of the request"))
		for range 2 {
			serve(t, s.auth.Handler(whoami), r)
		}
		assert.Equal(t, 1, waits, "the second request need not wait")
		assert.Equal(t, fetched{s.issuers[0].URL(), "schedule", "ok"}, <-fetches)
		assert.Empty(t, fetches)
	})
	_, err := middleware.New(middleware.Config{
		Verifier:     accepting(t, `{}`),
		ObserveFetch: func(string, string, string, time.Duration) {}, ObserveWait: func(context.Context) func(error) { return nil },
	})
	require.ErrorContains(t, err, ".ObserveFetch: no keys are fetched")
	require.ErrorContains(t, err, ".ObserveWait: no keys are fetched")
}

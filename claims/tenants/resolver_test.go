package tenants_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A service knows its tenants, and counts how often it is asked for each.
type service struct {
	mu       sync.Mutex
	issuers  map[string]*jwkstest.Issuer
	settings map[string]claims.Issuer
	asked    map[string]int
	lookup   func(ctx context.Context, iss string) error // called first, if it is not nil

	resolver *tenants.Resolver
	verifier *claims.Verifier
}

const first, second = "https://a.tenants.example/", "https://b.tenants.example/"

func newService(t testing.TB, edits ...func(*tenants.Config)) *service {
	t.Helper()
	s := &service{issuers: map[string]*jwkstest.Issuer{}, settings: map[string]claims.Issuer{}, asked: map[string]int{}}
	s.join(first)
	s.join(second)
	config := tenants.Config{
		Patterns: []string{"https://*.tenants.example/"}, Lookup: s.find,
		Keys: jwks.Config{Client: &http.Client{Transport: s}, Logger: slog.New(slog.DiscardHandler)},
	}
	for _, edit := range edits {
		edit(&config)
	}
	var err error
	s.resolver, err = tenants.New(config)
	require.NoError(t, err)
	s.verifier, err = claims.NewVerifier(claims.Config{Resolve: s.resolver.Resolve})
	require.NoError(t, err)
	return s
}

func (s *service) join(iss string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.issuers[iss] == nil {
		s.issuers[iss] = jwkstest.NewIssuer(jwkstest.Config{URL: iss, Key: sharedKey})
	}
	s.settings[iss] = claims.Issuer{URL: iss, Audiences: []string{jwkstest.Audience}}
}

var sharedKey = jwkstest.NewKey("EdDSA")

func (s *service) leave(iss string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.settings, iss)
}

func (s *service) change(iss string, change func(*claims.Issuer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	settings := s.settings[iss]
	change(&settings)
	s.settings[iss] = settings
}

func (s *service) find(ctx context.Context, iss string) (claims.Issuer, bool, error) {
	s.mu.Lock()
	s.asked[iss]++
	before := s.lookup
	s.mu.Unlock()
	if before != nil {
		if err := before(ctx, iss); err != nil {
			return claims.Issuer{}, false, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	settings, ok := s.settings[iss]
	return settings, ok, nil
}

func (s *service) timesAsked(iss string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[iss]
}

// RoundTrip sends each request to the issuer of its host.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	issuer := s.issuers["https://"+r.URL.Host+"/"]
	s.mu.Unlock()
	return issuer.Client().Transport.RoundTrip(r)
}

func (s *service) verify(iss string) (*claims.Claims, error) {
	return s.verifier.Verify(context.Background(), s.issuers[iss].Token(nil))
}

func TestATenantIsFoundWhenATokenNamesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		assert.False(t, s.resolver.Knows(first))
		for range 3 {
			_, err := s.verify(first)
			require.NoError(t, err)
		}
		assert.Equal(t, 1, s.timesAsked(first))
		assert.Zero(t, s.timesAsked(second))
		assert.True(t, s.resolver.Knows(first))

		s.leave(second)
		for range 3 {
			_, err := s.verify(second)
			require.ErrorIs(t, err, claims.ErrIssuer)
		}
		assert.Equal(t, 1, s.timesAsked(second))
		assert.False(t, s.resolver.Knows(second))
		status := s.resolver.Status()
		assert.Equal(t, uint64(2), status.Lookups)
		assert.Equal(t, uint64(1), status.NotFound)
		assert.Equal(t, 1, status.Absent)
	})
}

func TestATenantThatLeftIsRefusedAfterTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		token := s.issuers[first].Token(nil)
		for range 2 {
			_, err := s.verifier.Verify(t.Context(), token)
			require.NoError(t, err)
		}
		s.leave(first)
		time.Sleep(30*time.Second - 1)
		_, err := s.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = s.verifier.Verify(t.Context(), token)
		require.ErrorIs(t, err, claims.ErrIssuer, "a remembered token too")

		s.join(first)
		time.Sleep(10*time.Second - 1)
		_, err = s.verifier.Verify(t.Context(), token)
		require.ErrorIs(t, err, claims.ErrIssuer, "within NegativeTTL")
		time.Sleep(time.Nanosecond)
		_, err = s.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
	})
}

func TestForgetTakesEffectWithTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		_, err := s.verify(first)
		require.NoError(t, err)
		s.leave(first)
		s.resolver.Forget(first)
		_, err = s.verify(first)
		require.ErrorIs(t, err, claims.ErrIssuer)
		s.join(first)
		s.resolver.Forget(first)
		_, err = s.verify(first)
		require.NoError(t, err, "a negative answer is forgotten too")
		s.resolver.Forget("https://unknown.tenants.example/")
	})
}

// A look-up that began before Forget may have read the tenant before it was removed.
func TestForgetDoesNotWaitForALookUpThatBeganBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		read := make(chan struct{})
		var once sync.Once
		old := s.settings[first]
		s.resolver, _ = tenants.New(tenants.Config{
			Patterns: []string{"https://*.tenants.example/"}, Keys: jwks.Config{Client: &http.Client{Transport: s}},
			Lookup: func(ctx context.Context, iss string) (claims.Issuer, bool, error) {
				slow := false
				once.Do(func() { slow = true })
				if slow {
					<-read
					return old, true, nil // as it was when the look-up began
				}
				return s.find(ctx, iss)
			},
		})
		results := make(chan error)
		resolve := func() {
			_, err := s.resolver.Resolve(context.Background(), first)
			results <- err
		}
		go resolve()
		synctest.Wait()
		s.leave(first)
		s.resolver.Forget(first)
		go resolve()
		require.ErrorIs(t, <-results, claims.ErrIssuer, "the request that began afterwards")
		close(read)
		require.ErrorIs(t, <-results, claims.ErrIssuer, "the one before asks again")
		synctest.Wait()
		assert.False(t, s.resolver.Knows(first), "its answer is not remembered")
	})
}

// A look-up that does not return must not take other tenants along, nor be made once more for each
// request, and Forget must be a way out.
func TestALookUpThatIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		hung := make(chan struct{})
		s.lookup = func(_ context.Context, iss string) error {
			if iss == first && s.timesAsked(first) == 1 {
				<-hung
			}
			return nil
		}
		for range 100 {
			began := time.Now()
			_, err := s.resolver.Resolve(t.Context(), first)
			require.ErrorContains(t, err, "took too long")
			require.Equal(t, 3*time.Second, time.Since(began))
			_, err = s.verify(second)
			require.NoError(t, err, "another tenant")
		}
		assert.Equal(t, 1, s.timesAsked(first))
		s.resolver.Forget(first)
		_, err := s.verify(first)
		require.NoError(t, err)
		close(hung)
		synctest.Wait()
		assert.Zero(t, s.resolver.Status().InFlight)
	})
}

func TestRequestsShareOneLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.lookup = func(context.Context, string) error { time.Sleep(time.Second); return nil }
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				_, err := s.resolver.Resolve(context.Background(), first)
				assert.NoError(t, err)
			})
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.resolver.Resolve(gone, first)
		require.Error(t, err, "a request that is gone does not wait")
		group.Wait()
		assert.Equal(t, 1, s.timesAsked(first), "and it does not end the look-up of others")
	})
}

func TestARequestThatIsGoneDoesNotEndItsLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.lookup = func(ctx context.Context, _ string) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := s.resolver.Resolve(ctx, first)
		require.ErrorContains(t, err, context.DeadlineExceeded.Error())
		_, err = s.resolver.Resolve(t.Context(), first)
		require.NoError(t, err)
		assert.Equal(t, 1, s.timesAsked(first))
	})
}

func TestFailuresAreNoAnswerAboutTheToken(t *testing.T) {
	for rule, lookup := range map[string]func(context.Context, string) error{
		"an error":                  func(context.Context, string) error { return errors.New("database is down") },
		"an error that says issuer": func(context.Context, string) error { return claims.ErrIssuer },
		"a panic":                   func(context.Context, string) error { panic("hunter2") },
		"no answer": func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"no answer and no end": func(context.Context, string) error { time.Sleep(time.Hour); return nil },
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				_, err := s.verify(first)
				require.NoError(t, err)
				time.Sleep(time.Minute)
				s.mu.Lock()
				s.lookup = lookup
				s.mu.Unlock()
				for _, iss := range []string{first, second} {
					began := time.Now()
					_, err = s.verify(iss)
					require.ErrorIs(t, err, claims.ErrUnavailable, "remembered or not")
					assert.NotErrorIs(t, err, claims.ErrIssuer)
					var unavailable *claims.UnavailableError
					require.ErrorAs(t, err, &unavailable)
					assert.Positive(t, unavailable.RetryAfter)
					assert.LessOrEqual(t, time.Since(began), 3*time.Second)
				}
				s.mu.Lock()
				s.lookup = nil
				s.mu.Unlock()
				time.Sleep(2 * time.Hour) // until the last look-up has ended
				_, err = s.verify(first)
				require.NoError(t, err, "afterwards")
			})
		})
	}
}

func TestSettingsThatAreNotValidAreAnOutageOfTheTenant(t *testing.T) {
	for rule, change := range map[string]func(*claims.Issuer){
		"no audience":       func(i *claims.Issuer) { i.Audiences = nil },
		"another URL":       func(i *claims.Issuer) { i.URL = second },
		"a private address": func(i *claims.Issuer) { i.JWKSURL = "https://10.0.0.1/keys" },
		"keys over http":    func(i *claims.Issuer) { i.JWKSURL = "http://a.tenants.example/keys" },
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := newService(t, func(c *tenants.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				s.change(first, change)
				for range 3 {
					_, err := s.verify(first)
					require.ErrorIs(t, err, claims.ErrUnavailable)
				}
				assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"))
				assert.Equal(t, rule != "another URL", strings.Contains(log.String(), first), "what a stranger wrote is not logged")
				assert.Equal(t, rule == "another URL", strings.Contains(log.String(), "issuer="+second))
				assert.Equal(t, uint64(3), s.resolver.Status().Invalid)
				_, err := s.verify(second)
				require.NoError(t, err, "another tenant")
			})
		})
	}
}

func TestARenewalKeepsWhatDidNotChange(t *testing.T) {
	for rule, tc := range map[string]struct {
		change     func(*claims.Issuer)
		remembered bool
		fetches    int
	}{
		"nothing":            {func(*claims.Issuer) {}, true, 1},
		"the scopes":         {func(i *claims.Issuer) { i.AllowedScopes = []string{"read:example"} }, false, 1},
		"a hook":             {func(i *claims.Issuer) { i.Validate = func(context.Context, *claims.Claims) error { return nil } }, false, 1},
		"where its keys are": {func(i *claims.Issuer) { i.JWKSURL = first + "jwks.json" }, false, 2},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				s.issuers[first].MoveJWKS(first + "jwks.json")
				token := s.issuers[first].Token(nil)
				_, err := s.verifier.Verify(t.Context(), token)
				require.NoError(t, err)
				s.change(first, tc.change)
				time.Sleep(time.Minute)
				c, err := s.verifier.Verify(t.Context(), token)
				require.NoError(t, err)
				assert.Equal(t, tc.remembered, c.Remembered())
				assert.Equal(t, 2, s.timesAsked(first))
				assert.Equal(t, tc.fetches, s.issuers[first].Count(jwkstest.JWKS))
			})
		})
	}
}

// The settings are the same, so that nothing else would report the Err.
func TestAnErrOfAnIssuerThatIsRememberedCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		token := s.issuers[first].Token(nil)
		_, err := s.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		s.change(first, func(i *claims.Issuer) { i.Err = errors.New("a mistake in its arguments") })
		time.Sleep(time.Minute)
		_, err = s.verifier.Verify(t.Context(), token)
		require.ErrorIs(t, err, claims.ErrUnavailable)
		s.change(first, func(i *claims.Issuer) { i.Err = nil })
		_, err = s.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		assert.Equal(t, 1, s.issuers[first].Count(jwkstest.JWKS))
	})
}

func TestTheHookOfAllTenantsPrecedesThatOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		hook := func(name string, err error) func(context.Context, *claims.Claims) error {
			return func(context.Context, *claims.Claims) error { order = append(order, name); return err }
		}
		s := newService(t, func(c *tenants.Config) { c.Validate = hook("all", nil) })
		s.change(first, func(i *claims.Issuer) { i.Validate = hook("one", claims.ErrRevoked) })
		_, err := s.verify(first)
		require.ErrorIs(t, err, claims.ErrRevoked)
		assert.Equal(t, []string{"all", "one"}, order)
		token := s.issuers[second].Token(nil)
		for range 2 {
			_, err = s.verifier.Verify(t.Context(), token)
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		c, err := s.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		assert.True(t, c.Remembered(), "a hook of all tenants is no change")
	})
}

// Strangers can make any number of issuers up, as long as they match.
func TestAFloodOfIssuersThatAreNoneIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		_, err := s.verify(first)
		require.NoError(t, err)
		time.Sleep(time.Minute) // it must be looked up again
		var none, later int
		for n := range 2000 {
			switch _, err := s.resolver.Resolve(t.Context(), fmt.Sprintf("https://made-up-%d.tenants.example/", n)); {
			case errors.Is(err, claims.ErrIssuer):
				none++
			default:
				require.ErrorAs(t, err, new(*claims.UnavailableError))
				later++
			}
		}
		assert.Equal(t, 64, none)
		assert.Equal(t, 2000-64, later)
		assert.Equal(t, uint64(2000-64), s.resolver.Status().Refused)
		_, err = s.verify(first)
		require.NoError(t, err, "a tenant that is remembered")
		assert.Equal(t, 2, s.timesAsked(first))

		for n := range 2000 {
			_, _ = s.resolver.Resolve(t.Context(), fmt.Sprintf("https://more-%d.tenants.example/", n))
			time.Sleep(50 * time.Millisecond)
		}
		assert.Equal(t, 1000, s.resolver.Status().Absent, "what is remembered of them is bounded")
	})
}

// A stranger can name all tenants, without a token of any.
func TestTenantsWithoutAVerifiedTokenDoNotPushOutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(c *tenants.Config) { c.MaxTenants, c.TTL = 200, time.Hour })
		for _, iss := range []string{first, second} {
			token := s.issuers[iss].Token(nil)
			for range 2 {
				_, err := s.verifier.Verify(t.Context(), token)
				require.NoError(t, err)
			}
		}
		for n := range 500 {
			iss := fmt.Sprintf("https://t%d.tenants.example/", n)
			s.join(iss)
			_, err := s.resolver.Resolve(t.Context(), iss)
			require.NoError(t, err)
		}
		status := s.resolver.Status()
		assert.Equal(t, 2, status.Tenants)
		assert.Equal(t, 200, status.Unproven, "bounded too")
		assert.True(t, s.resolver.Knows(first) && s.resolver.Knows(second))
	})
}

// After a start, each tenant has one request before any of them has two. All of this is within the
// TTL, because the clock of a bubble stands still.
func TestTenantsWithAVerifiedTokenDoNotPushOutEachOther(t *testing.T) {
	const count = 300 // three times the places without a verified token
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		url := func(i int) string { return fmt.Sprintf("https://t%d.tenants.example/", i) }
		for i := range count {
			s.join(url(i))
		}
		for range 3 {
			for i := range count {
				_, err := s.verify(url(i))
				require.NoError(t, err)
			}
		}
		for i := range count {
			assert.Equal(t, 1, s.timesAsked(url(i)), url(i))
			assert.Equal(t, 1, s.issuers[url(i)].Count(jwkstest.JWKS), url(i))
		}
		status := s.resolver.Status()
		assert.Equal(t, count, status.Tenants)
		assert.Zero(t, status.Unproven)
	})
}

func TestTenantsInUseAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(c *tenants.Config) { c.MaxTenants, c.TTL = 3, time.Hour })
		for n := range 20 {
			iss := fmt.Sprintf("https://t%d.tenants.example/", n)
			s.join(iss)
			for range 2 {
				_, err := s.verify(iss)
				require.NoError(t, err)
			}
			_, err := s.verify(first)
			require.NoError(t, err)
		}
		status := s.resolver.Status()
		assert.Equal(t, 3, status.Tenants)
		assert.Equal(t, 1, s.timesAsked(first), "one that is used all the time stays")
	})
}

func TestLookUpsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most int // guarded by count
		var count sync.Mutex
		add := func(n int) {
			count.Lock()
			defer count.Unlock()
			now += n
			most = max(most, now)
		}
		s := newService(t)
		s.lookup = func(context.Context, string) error {
			add(1)
			time.Sleep(100 * time.Millisecond)
			add(-1)
			return nil
		}
		var group sync.WaitGroup
		for n := range 500 {
			iss := fmt.Sprintf("https://t%d.tenants.example/", n)
			s.join(iss)
			group.Go(func() {
				_, err := s.resolver.Resolve(context.Background(), iss)
				assert.NoError(t, err, "the others wait for their turn")
			})
		}
		group.Wait()
		assert.Equal(t, 64, most)
	})
}

func TestConfigMistakes(t *testing.T) {
	_, err := tenants.New(tenants.Config{
		MaxTenants: -1, TTL: 2 * time.Hour, NegativeTTL: time.Minute,
		Keys: jwks.Config{Issuer: first, Seed: []byte("x"), AllowRedirects: true},
	})
	for _, problem := range []string{
		"Lookup: it is required", "Patterns: at least one", "MaxTenants -1", "TTL 2h0m0s", "Keys: Issuer and URL", "Keys: Seed, SeedTime and OnDocument", "AllowRedirects",
	} {
		assert.ErrorContains(t, err, problem)
	}
	_, err = tenants.New(tenants.Config{TTL: time.Minute, NegativeTTL: 2 * time.Minute})
	assert.ErrorContains(t, err, "NegativeTTL 2m0s")
	_, err = tenants.New(tenants.Config{TTL: 30, MaxTenants: 1 << 40})
	assert.ErrorContains(t, err, "TTL 30ns: it is not between 10ms and 1h0m0s")
	assert.ErrorContains(t, err, "MaxTenants 1099511627776")
}

// Two thousand tenants, of which a hundred join or leave at a time, while requests go on. No token
// of a tenant that left is accepted by a request that began after it was forgotten.
func TestTenantsComeAndGoUnderLoad(t *testing.T) {
	const count, changes, step = 2000, 10, 100
	s := newService(t, func(c *tenants.Config) { c.MaxTenants, c.TTL = 2*count, time.Hour })
	keys, err := jwks.NewStatic(s.issuers[first].Document())
	require.NoError(t, err)
	issuers, tokens := make([]string, count), make([]string, count)
	for n := range issuers {
		issuers[n] = fmt.Sprintf("https://t%d.tenants.example/", n)
		tokens[n] = s.issuers[first].Token(map[string]any{"iss": issuers[n]})
		s.settings[issuers[n]] = claims.Issuer{URL: issuers[n], Audiences: []string{jwkstest.Audience}, Keys: keys}
	}
	var gone [count]atomic.Bool // the tenant has left, and is not on its way back
	var stop atomic.Bool
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for n := worker; !stop.Load(); n = (n + 7) % count {
				before := gone[n].Load()
				_, err := s.verifier.Verify(context.Background(), tokens[n])
				if before && gone[n].Load() {
					assert.Error(t, err)
				}
			}
		})
	}
	for change := range changes {
		first := change * step
		for n := first; n < first+step; n++ {
			s.leave(issuers[n])
			s.resolver.Forget(issuers[n])
			gone[n].Store(true)
			_, err := s.verifier.Verify(t.Context(), tokens[n])
			require.Error(t, err)
		}
		for n := first; n < first+step; n++ {
			gone[n].Store(false)
			s.change(issuers[n], func(i *claims.Issuer) {
				*i = claims.Issuer{URL: issuers[n], Audiences: []string{jwkstest.Audience}, Keys: keys}
			})
			s.resolver.Forget(issuers[n])
		}
	}
	stop.Store(true)
	group.Wait()
}

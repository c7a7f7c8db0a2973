package tenants_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// flood has many strangers name issuers at once, each another one.
func (s *service) flood(from, count int) {
	for n := from; n < from+count; n++ {
		go func() {
			_, _ = s.resolver.Resolve(context.Background(), fmt.Sprintf("https://made-up-%d.tenants.example/", n))
		}()
	}
}

func (s *service) slow(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookup = func(context.Context, string) error { time.Sleep(took); return nil }
}

// Many look-ups can be under way before the first of them ends.
func TestAFloodAtOnceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.slow(20 * time.Millisecond)
		for second := range 100 {
			s.flood(1100*second, 1100)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		assert.LessOrEqual(t, s.resolver.Status().NotFound, uint64(64+20*10+1))
	})
}

// A database that ignores case finds the row of a tenant for each of a million spellings of its iss.
func TestAFloodOfSpellingsOfOneTenantIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int // the requests come one after the other
		resolver, err := tenants.New(tenants.Config{
			Patterns: []string{"https://login.example.com/realms/*"}, Logger: slog.New(slog.DiscardHandler),
			Lookup: func(context.Context, string) (claims.Issuer, bool, error) {
				asked++
				return claims.Issuer{URL: "https://login.example.com/realms/acme", Audiences: []string{"a"}}, true, nil
			},
		})
		require.NoError(t, err)
		for n := range 2000 {
			_, err := resolver.Resolve(t.Context(), fmt.Sprintf("https://login.example.com/realms/ACME%d", n))
			require.Error(t, err)
			require.NotErrorIs(t, err, claims.ErrIssuer)
		}
		assert.Equal(t, 64, asked)
		time.Sleep(time.Second)
		_, err = resolver.Resolve(t.Context(), "https://login.example.com/realms/acme")
		require.NoError(t, err)
	})
}

func TestATenantThatIsRememberedDoesNotWaitForStrangers(t *testing.T) {
	for _, took := range []time.Duration{20 * time.Millisecond, 250 * time.Millisecond} {
		for _, strangers := range []int{1000, 1100} {
			t.Run(fmt.Sprint(took, strangers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					_, err := s.verify(first)
					require.NoError(t, err)
					s.slow(took)
					time.Sleep(time.Minute) // it must be looked up again
					s.flood(0, strangers)
					synctest.Wait()
					_, err = s.verify(first)
					require.NoError(t, err)
					time.Sleep(10 * time.Second)
				})
			})
		}
	}
}

// A stranger who can make the table of tenants slow for made-up names must not hold up the others.
func TestARenewalDoesNotWaitForSlotsOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		_, err := s.verify(first)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		s.lookup = func(_ context.Context, iss string) error {
			if iss != first {
				time.Sleep(4 * time.Second)
			}
			return nil
		}
		s.flood(0, 500)
		synctest.Wait()
		_, err = s.verify(first)
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
	})
}

func TestATenantIsInUseWithItsFirstVerifiedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(c *tenants.Config) { c.MaxTenants = 100 })
		for n := range 100 {
			s.join(fmt.Sprintf("https://t%d.tenants.example/", n))
		}
		for range 5 {
			_, err := s.verify(first)
			require.NoError(t, err)
			for n := range 100 { // a stranger names them, and has no token
				_, err := s.resolver.Resolve(t.Context(), fmt.Sprintf("https://t%d.tenants.example/", n))
				require.NoError(t, err)
			}
		}
		assert.Equal(t, 1, s.timesAsked(first))
		assert.Equal(t, 1, s.issuers[first].Count(jwkstest.JWKS))
		assert.Equal(t, 1, s.resolver.Status().Tenants)
	})
}

// The keys of a tenant can take so long that others push it out before a token of it is verified.
func TestATenantThatWasPushedOutComesBackWithAVerifiedToken(t *testing.T) {
	for rule, forget := range map[string]bool{"otherwise": false, "not after Forget": true} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, func(c *tenants.Config) { c.MaxTenants = 1 })
				s.issuers[first].Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
				done := make(chan error)
				go func() {
					_, err := s.verify(first)
					done <- err
				}()
				time.Sleep(time.Second / 2)
				_, err := s.resolver.Resolve(t.Context(), second)
				require.NoError(t, err)
				require.False(t, s.resolver.Knows(first))
				if forget {
					s.resolver.Forget(first)
				}
				require.NoError(t, <-done)
				assert.Equal(t, !forget, s.resolver.Knows(first))
			})
		})
	}
}

// With forged tokens, a stranger could have the keys of each tenant fetched for each token.
func TestForgedTokensCostFewFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		forger := jwkstest.NewIssuer(jwkstest.Config{URL: first})
		var issuers []string
		for n := range 200 {
			issuers = append(issuers, fmt.Sprintf("https://t%d.tenants.example/", n))
			s.join(issuers[n])
		}
		for range 10 {
			for _, iss := range issuers {
				_, err := s.verifier.Verify(t.Context(), forger.Token(map[string]any{"iss": iss}))
				require.Error(t, err)
			}
		}
		time.Sleep(time.Minute)
		for _, iss := range issuers {
			assert.LessOrEqual(t, s.issuers[iss].Count(jwkstest.JWKS), 4, "one, and three for unknown keys")
			assert.Equal(t, 1, s.timesAsked(iss))
		}
	})
}

// The maps of the settings are the application's.
func TestSettingsThatAreChangedInPlaceAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		record := map[string]string{"sub": "alice"}
		s.change(first, func(i *claims.Issuer) { i.ClaimValues = record })
		token := s.issuers[first].Token(map[string]any{"sub": "alice"})
		_, err := s.verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		record["sub"] = "bob"
		time.Sleep(time.Minute)
		_, err = s.verifier.Verify(t.Context(), token)
		require.ErrorIs(t, err, claims.ErrMissingClaim)
	})
}

func TestAnIssuerThatIsNoneIsRememberedWithoutItsToken(t *testing.T) {
	s := newService(t)
	stranger := jwkstest.NewIssuer(jwkstest.Config{URL: first, Key: sharedKey})
	pad := strings.Repeat("x", 10<<10)
	before := heap()
	for n := range 50 {
		token := stranger.Token(map[string]any{"iss": fmt.Sprintf("https://y%d.tenants.example/", n), "pad": pad})
		_, err := s.verifier.Verify(t.Context(), token)
		require.ErrorIs(t, err, claims.ErrIssuer)
	}
	assert.Less(t, heap()-before, int64(50*2<<10))
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestNegativeTTLIsNotLongerThanTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(c *tenants.Config) { c.TTL = time.Second })
		s.leave(first)
		_, err := s.verify(first)
		require.ErrorIs(t, err, claims.ErrIssuer)
		s.join(first)
		time.Sleep(time.Second)
		_, err = s.verify(first)
		require.NoError(t, err)
	})
}

// A test of the application calls Goexit if it fails in Lookup.
func TestALookupThatEndsItsGoroutineIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.lookup = func(context.Context, string) error { runtime.Goexit(); return nil }
		_, err := s.resolver.Resolve(t.Context(), first)
		require.ErrorContains(t, err, "Lookup panicked")
		s.lookup = nil
		_, err = s.resolver.Resolve(t.Context(), first)
		require.NoError(t, err)
	})
}

// Nothing else would say that Lookup has panicked, and where.
func TestAPanicOfLookupIsLogged(t *testing.T) {
	for rule, tc := range map[string]struct {
		lookup func(context.Context, string) error
		want   string
	}{
		"of the runtime": {func(context.Context, string) error { var none []int; _ = none[len(none)]; return nil }, "index out of range"},
		"of its own":     {func(context.Context, string) error { panic("hunter2") }, `panic="a string"`},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				s := newService(t, func(c *tenants.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				s.lookup = tc.lookup
				for range 3 {
					_, err := s.resolver.Resolve(t.Context(), first)
					require.Error(t, err)
				}
				assert.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))
				assert.Contains(t, log.String(), tc.want)
				assert.Contains(t, log.String(), "strangers_test.go", "where it was")
				assert.NotContains(t, log.String(), "hunter2")
				time.Sleep(10 * time.Second)
				_, err := s.resolver.Resolve(t.Context(), first)
				require.Error(t, err)
				assert.Equal(t, 2, strings.Count(log.String(), "level=ERROR"))
			})
		})
	}
}

type panicking struct{ slog.Handler }

func (panicking) Handle(context.Context, slog.Record) error { panic("no disk") }

func TestALoggerThatPanicsDoesNotEndTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(c *tenants.Config) { c.Logger = slog.New(panicking{slog.NewTextHandler(io.Discard, nil)}) })
		s.change(first, func(i *claims.Issuer) { i.Audiences = nil })
		_, err := s.resolver.Resolve(t.Context(), first)
		require.ErrorContains(t, err, "Audiences is empty")
		s.lookup = func(context.Context, string) error { panic("x") }
		_, err = s.resolver.Resolve(t.Context(), second)
		require.ErrorContains(t, err, "Lookup panicked")
	})
}

// A tenant is changed while its issuer is down.
func TestForgetKeepsTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		_, err := s.verify(first)
		require.NoError(t, err)
		s.issuers[first].Fail(jwkstest.JWKS, jwkstest.Respond(503, nil, ""))
		s.change(first, func(i *claims.Issuer) { i.AllowedScopes = []string{"read:example"} })
		s.resolver.Forget(first)
		_, err = s.verify(first)
		require.NoError(t, err)
		assert.Equal(t, 2, s.timesAsked(first))
	})
}

func TestAFailureIsNotAboutKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.lookup = func(context.Context, string) error { return fmt.Errorf("database is down") }
		_, err := s.verify(first)
		require.ErrorIs(t, err, claims.ErrUnavailable)
		assert.NotErrorIs(t, err, claims.ErrKeysUnavailable)
		assert.NotContains(t, err.Error(), "keys")
	})
}

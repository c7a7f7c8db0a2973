package middleware_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
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

// One issuer has the settings that most need, without a claims.Issuer.
func TestE2SettingsOfASingleIssuerHaveEffect(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	status := func(token string, edit func(*middleware.Config)) int {
		return serve(t, trusting(t, issuer, edit).Handler(whoami), bearer(token)).Status
	}
	none := func(*middleware.Config) {}
	late := issuer.Token(map[string]any{"exp": time.Now().Add(-30 * time.Second).Unix()})
	assert.Equal(t, 401, status(late, none))
	assert.Equal(t, 200, status(late, func(c *middleware.Config) { c.Leeway = time.Minute }))
	assert.Equal(t, 200, status(issuer.Token(nil), none))
	assert.Equal(t, 401, status(issuer.Token(nil), func(c *middleware.Config) { c.RequiredClaims = []string{"org_id"} }))
	assert.Equal(t, 401, status(issuer.Token(nil), func(c *middleware.Config) {
		c.Validate = func(context.Context, *claims.Claims) error { return claims.ErrRevoked }
	}))
	static, err := jwks.NewStatic(issuer.Document())
	require.NoError(t, err)
	for entries, checks := range map[int]int32{0: 1, -1: 2} {
		counted := &countedKeys{Static: static}
		auth, err := middleware.New(middleware.Config{CacheEntries: entries, Issuers: []claims.Issuer{
			{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: counted},
		}})
		require.NoError(t, err)
		token := issuer.Token(nil)
		for range 2 {
			require.Equal(t, 200, serve(t, auth.Handler(whoami), bearer(token)).Status)
		}
		assert.Equal(t, checks, counted.checks.Load())
	}
}

type countedKeys struct {
	*jwks.Static
	checks atomic.Int32
}

func (c *countedKeys) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	keys, err := c.Static.Keys(ctx, alg, kid)
	var counted []claims.Key
	for _, key := range keys {
		counted = append(counted, countedKey{key, &c.checks})
	}
	return counted, err
}

// The rules of package jwks for addresses can be eased without a cache made by hand.
func TestE2AddressesOfKeysAreAllowed(t *testing.T) {
	for rule, tt := range map[string]struct {
		prepare func(*jwkstest.Issuer)
		allow   func(*middleware.Config)
	}{
		"a redirect": {
			func(i *jwkstest.Issuer) { i.FailNext(1, jwkstest.JWKS, jwkstest.Redirect(i.JWKSURL())) },
			func(c *middleware.Config) { c.AllowRedirects = true },
		},
		"a private host": {
			func(i *jwkstest.Issuer) { i.MoveJWKS("https://10.0.0.1/keys") },
			func(c *middleware.Config) { c.PrivateHosts = []string{"10.0.0.1"} },
		},
	} {
		for allowed, status := range map[bool]int{false: 503, true: 200} {
			t.Run(fmt.Sprint(rule, ", allowed: ", allowed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					issuer := jwkstest.NewIssuer(jwkstest.Config{})
					tt.prepare(issuer)
					auth := trusting(t, issuer, func(c *middleware.Config) {
						if allowed {
							tt.allow(c)
						}
					})
					assert.Equal(t, status, serve(t, auth.Handler(whoami), bearer(issuer.Token(nil))).Status)
					time.Sleep(6 * time.Second) // a fetch that may be under way ends
				})
			})
		}
	}
}

// An issuer without discovery publishes its keys elsewhere.
func TestE2IssuersHaveTheirOwnJWKSURL(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.Fail(jwkstest.Discovery, jwkstest.Respond(404, nil, ""))
	issuer.Fail(jwkstest.Metadata, jwkstest.Respond(404, nil, ""))
	auth, err := middleware.New(middleware.Config{
		Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler),
		Issuers: []claims.Issuer{{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, JWKSURL: issuer.JWKSURL()}},
	})
	require.NoError(t, err)
	assert.Equal(t, 200, serve(t, auth.Handler(whoami), bearer(issuer.Token(nil))).Status)
	assert.Zero(t, issuer.Count(jwkstest.Discovery))
}

// FIELD A11: a restart with many healthy issuers must not queue behind 16 fetches. An outage of
// many issuers must not use up the sockets of a server.
func TestFetchesOfAllIssuersAreBounded(t *testing.T) {
	for rule, tt := range map[string]struct {
		issuers, limit int // no limit: the default
		want           int64
	}{
		"one for each issuer": {40, 0, 40},
		"at most 512":         {600, 0, 512},
		"that of the Config":  {40, 5, 5},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var inFlight, most atomic.Int64
				hang := roundTripper(func(r *http.Request) (*http.Response, error) {
					defer inFlight.Add(-1)
					if n := inFlight.Add(1); n > most.Load() {
						most.Store(n)
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
				var out bytes.Buffer
				config := middleware.Config{Client: &http.Client{Transport: hang}}
				if tt.limit > 0 {
					config.FetchLimit = jwks.NewFetchLimit(tt.limit)
				}
				logTo(&out, slog.LevelDebug)(&config)
				key := jwkstest.NewKey("ES256")
				var tokens []string
				for n := range tt.issuers {
					issuer := jwkstest.NewIssuer(jwkstest.Config{URL: fmt.Sprintf("https://%d.example.test", n), Key: key})
					tokens = append(tokens, issuer.Token(nil))
					config.Issuers = append(config.Issuers, claims.Issuer{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}})
				}
				auth, err := middleware.New(config)
				require.NoError(t, err)
				var calls sync.WaitGroup
				for _, token := range tokens {
					calls.Go(func() {
						assert.Equal(t, http.StatusServiceUnavailable, serve(t, auth.Handler(whoami), bearer(token)).Status)
					})
				}
				synctest.Wait()
				assert.Equal(t, tt.want, inFlight.Load())
				calls.Wait()
				time.Sleep(10 * time.Minute)
				synctest.Wait() // until the last fetch has ended
				assert.LessOrEqual(t, most.Load(), tt.want)
				assert.Contains(t, out.String(), "jwks:", "the caches have the same Logger")
			})
		})
	}
}

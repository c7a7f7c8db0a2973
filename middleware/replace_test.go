package middleware_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// of returns the claims.Issuers of these members of the tenancy.
func (s *tenancy) of(members ...int) []claims.Issuer {
	var list []claims.Issuer
	for _, n := range members {
		list = append(list, claims.Issuer{URL: s.issuers[n].URL(), Audiences: []string{jwkstest.Audience}})
	}
	return list
}

func (s *tenancy) statusOf(t testing.TB, n int) int {
	t.Helper()
	return serve(t, s.auth.Handler(whoami), bearer(s.issuers[n].Token(nil))).Status
}

func TestReplaceTakesEffectWithTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 3)
		require.NoError(t, s.auth.Replace(s.of(0, 1)))
		token := s.issuers[1].Token(nil)
		protected := s.auth.Handler(whoami)
		for range 2 {
			require.Equal(t, 200, serve(t, protected, bearer(token)).Status)
		}
		assert.Equal(t, 401, s.statusOf(t, 2))

		require.NoError(t, s.auth.Replace(s.of(0, 2)))
		assert.Equal(t, 401, serve(t, protected, bearer(token)).Status, "a remembered token of an issuer that left")
		assert.Equal(t, 200, s.statusOf(t, 2))
		require.Len(t, s.auth.Status().Issuers, 2)
		assert.Equal(t, s.issuers[2].URL(), s.auth.Status().Issuers[1].Issuer)

		changed := s.of(0, 2)
		changed[1].Audiences = []string{"https://other.example"}
		require.NoError(t, s.auth.Replace(changed))
		assert.Equal(t, 401, s.statusOf(t, 2), "another audience")
	})
}

func TestReplaceKeepsTheKeysOfIssuersThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 2)
		require.Equal(t, 200, s.statusOf(t, 0))
		s.issuers[0].Fail(jwkstest.JWKS, jwkstest.Respond(503, nil, ""))
		next := s.of(0)
		next[0].AllowedScopes = []string{"read:example"} // not a setting of its keys
		require.NoError(t, s.auth.Replace(next))
		assert.Equal(t, 200, s.statusOf(t, 0))
		assert.Equal(t, 1, s.issuers[0].Count(jwkstest.JWKS))

		require.NoError(t, s.auth.Replace(s.of(1)))
		require.NoError(t, s.auth.Replace(s.of(0)))
		assert.Equal(t, 503, s.statusOf(t, 0), "one that left and came back fetches its keys anew")
	})
}

func TestReplaceOfAnIssuerIsAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 2)
		bad := s.of(1, 0, 0)
		bad[0].Audiences, bad[1].URL, bad[2].Algorithms = nil, "https://10.0.0.1/", []string{"HS256"}
		err := s.auth.Replace(bad)
		for _, problem := range []string{
			"Audiences is empty", `middleware: invalid issuers[1].URL "https://10.0.0.1/"`, "address is not public",
			`middleware: invalid issuers[2].Algorithms "HS256"`,
		} {
			assert.ErrorContains(t, err, problem)
		}
		require.EqualError(t, s.auth.Replace(nil), "claims: invalid issuers: at least one is required")
		assert.Equal(t, 200, s.statusOf(t, 0))
		assert.Equal(t, 200, s.statusOf(t, 1))
	})
}

// The argument is no field of the Config: an operator would look for the mistake in the wrong place.
func TestMistakesOfReplaceNameItsArgument(t *testing.T) {
	s := newTenancy(t, 2, func(c *middleware.Config) { c.Resource = "https://api.example/" })
	_, err := s.auth.ResourceMetadata()
	require.NoError(t, err)
	list := s.of(0, 1, 1, 1, 1)
	list[0].URL, list[1].JWKSURL, list[2].Algorithms = "http://partner.example/", "http://a.example/keys", []string{"HS256"}
	err = s.auth.Replace(list)
	require.ErrorContains(t, err, "is a duplicate")
	assert.ErrorContains(t, err, "ResourceMetadata cannot publish")
	assert.NotContains(t, err.Error(), "Config.Issuers")
	err = s.auth.Replace(s.of(1, 1))
	assert.EqualError(t, err, fmt.Sprintf("claims: invalid issuers: %q is a duplicate", s.issuers[1].URL()))
}

func TestReplaceAtOnce(t *testing.T) {
	s := newTenancy(t, 3)
	var group sync.WaitGroup
	for n := range 20 {
		group.Go(func() { assert.NoError(t, s.auth.Replace(s.of(n%3))) })
	}
	group.Wait()
	require.NoError(t, s.auth.Replace(s.of(0, 2)))
	assert.Len(t, s.auth.Status().Issuers, 2)
}

func TestReplaceCannotBeUsedWithAVerifier(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	own, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, issuer),
	}}})
	require.NoError(t, err)
	for _, v := range []middleware.Verifier{accepting(t, `{}`), own} {
		assert.ErrorContains(t, newAuth(t, v).Replace(nil), "cannot be used with Config.Verifier")
	}
}

// What was configured by hand may be in the own network. What comes later may not.
func TestReplaceTrustsNoAddressThatWasNotConfigured(t *testing.T) {
	own := claims.Issuer{URL: "http://127.0.0.1:8080/realms/own", Audiences: []string{"a"}}
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{own}, PrivateHosts: []string{"10.0.0.1", "10.0.0.2"}, InsecureHTTPHosts: []string{"10.0.0.2"},
	})
	require.NoError(t, err)
	with := func(url, jwksURL string) error {
		return auth.Replace([]claims.Issuer{{URL: url, JWKSURL: jwksURL, Audiences: []string{"a"}}})
	}
	for _, url := range []string{"https://tenant.example/", "https://10.0.0.1", "http://10.0.0.2", own.URL} {
		assert.NoError(t, with(url, ""), url)
	}
	for _, url := range []string{
		"https://127.0.0.1:8080/realms/own", "http://127.0.0.1:8080/realms/other", "https://localhost", "https://[::1]", "https://10.0.0.3",
		"http://10.0.0.1", "http://tenant.example", "https://169.254.169.254",
	} {
		assert.Error(t, with(url, ""), url)
	}
	assert.Error(t, with(own.URL, "http://127.0.0.1:8080/keys"), "another address of the keys")
	assert.Error(t, with("https://tenant.example/", "https://192.168.0.1/keys"))
}

func TestReplaceChangesTheMetadata(t *testing.T) {
	s := newTenancy(t, 3, func(c *middleware.Config) { c.Resource = "https://api.example/" })
	handler, err := s.auth.ResourceMetadata()
	require.NoError(t, err)
	servers := func() (list []string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource", nil))
		var document struct {
			Servers []string `json:"authorization_servers"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
		assert.Equal(t, fmt.Sprint(w.Body.Len()), w.Header().Get("Content-Length"))
		return document.Servers
	}
	require.Len(t, servers(), 3)
	require.NoError(t, s.auth.Replace(s.of(2, 1)))
	assert.Equal(t, []string{s.issuers[2].URL(), s.issuers[1].URL()}, servers())

	odd := claims.Issuer{URL: "an issuer that is no URL", Audiences: []string{"a"}, Keys: staticKeys(t, s.issuers[0])}
	require.ErrorContains(t, s.auth.Replace([]claims.Issuer{odd}), "ResourceMetadata cannot publish the issuer")
	assert.Len(t, servers(), 2)
}

func TestReplaceLeavesOutServersThatAreNoIssuers(t *testing.T) {
	s := newTenancy(t, 2, func(c *middleware.Config) {
		c.Resource = "https://api.example/"
		c.AuthorizationServers = []string{c.Issuers[0].URL}
	})
	handler, err := s.auth.ResourceMetadata()
	require.NoError(t, err)
	body := func() string {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource", nil))
		return w.Body.String()
	}
	assert.Contains(t, body(), s.issuers[0].URL())
	require.NoError(t, s.auth.Replace(s.of(1)))
	assert.NotContains(t, body(), "authorization_servers", "its tokens are refused")
	require.NoError(t, s.auth.Replace(s.of(0, 1)))
	assert.Contains(t, body(), `"authorization_servers":["`+s.issuers[0].URL()+`"]`)
}

// With one issuer, an answer may say what is wrong. With several, it would tell the tenants.
func TestReplaceHidesTheIssuersOnceThereAreSeveral(t *testing.T) {
	s := newTenancy(t, 2)
	one, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL: s.issuers[0].URL(), Audiences: []string{jwkstest.Audience}, Keys: staticKeys(t, s.issuers[0]),
	}}})
	require.NoError(t, err)
	stranger := jwkstest.NewIssuer(jwkstest.Config{URL: "https://stranger.example/"})
	described := func() string {
		return serve(t, one.Handler(whoami), bearer(stranger.Token(nil))).Challenge["error_description"]
	}
	before := described()
	require.Error(t, one.Replace(s.of(0, 1, 1)))
	assert.Equal(t, before, described(), "nothing has changed")
	require.NoError(t, one.Replace(s.of(0, 1)))
	assert.NotEqual(t, before, described())
	assert.Equal(t, "The access token is not valid for this API", described())
	require.NoError(t, one.Replace(s.of(0)))
	assert.Equal(t, "The access token is not valid for this API", described())
}

func TestRunFollowsReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 3)
		require.NoError(t, s.auth.Replace(s.of(0)))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.auth.Run(ctx) }()
		time.Sleep(time.Second)
		require.NoError(t, s.auth.Replace(s.of(0, 1, 2)))
		time.Sleep(time.Second)
		assert.Equal(t, []jwks.State{jwks.StateFresh, jwks.StateFresh, jwks.StateFresh}, s.states())
		assert.Equal(t, 1, s.issuers[0].Count(jwkstest.JWKS), "one that stays is not fetched again")
		require.NoError(t, s.auth.Replace(s.of(1)))
		time.Sleep(12 * time.Hour)
		assert.Equal(t, 1, s.issuers[0].Count(jwkstest.JWKS), "one that left is not fetched any more")
		assert.Equal(t, []jwks.State{jwks.StateFresh}, s.states())
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestReplaceEndsTheStreamsOfAnIssuerThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 2)
		r, err := s.auth.GuardAuthenticated().Check(bearer(s.issuers[1].Token(nil)))
		require.NoError(t, err)
		ctx, stop := s.auth.UntilExpiry(r.Context())
		defer stop()
		time.Sleep(time.Minute)
		require.NoError(t, ctx.Err())
		require.NoError(t, s.auth.Replace(s.of(0)))
		began := time.Now()
		<-ctx.Done()
		assert.LessOrEqual(t, time.Since(began), 31*time.Second)
		assert.ErrorIs(t, context.Cause(ctx), claims.ErrIssuer)
	})
}

func TestReplaceKeepsTheWarningsOfIssuersThatStay(t *testing.T) {
	s := newTenancy(t, 2)
	var decided []middleware.Decision
	observed := newTenancy(t, 2, func(c *middleware.Config) {
		c.Observe = func(_ context.Context, d middleware.Decision) { decided = append(decided, d) }
	})
	require.NoError(t, observed.auth.Replace(observed.of(1)))
	observed.statusOf(t, 1)
	observed.statusOf(t, 0)
	assert.Equal(t, observed.issuers[1].URL(), decided[0].Issuer)
	assert.Empty(t, decided[1].Issuer, "an issuer that left is unknown")
	assert.NoError(t, s.auth.Replace(s.of(0)))
}

// Two thousand tenants, of which a hundred join or leave at a time, while requests go on.
func TestReplaceOfThousandsUnderLoad(t *testing.T) {
	const tenants, changes, step = 2000, 6, 100
	key := jwkstest.NewKey("EdDSA")
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: key})
	keys := staticKeys(t, issuer)
	all := make([]claims.Issuer, tenants)
	tokens := make([]string, tenants)
	for n := range all {
		all[n] = claims.Issuer{URL: fmt.Sprintf("https://t%d.example/", n), Audiences: []string{jwkstest.Audience}, Keys: keys}
		tokens[n] = issuer.Token(map[string]any{"iss": all[n].URL})
	}
	auth, err := middleware.New(middleware.Config{Issuers: all})
	require.NoError(t, err)
	guard := auth.GuardAuthenticated()
	decide := func(n int) error {
		_, err := guard.Authenticate(context.Background(), middleware.Request{Authorization: []string{"Bearer " + tokens[n]}})
		return err
	}
	var gone [tenants]atomic.Bool // the tenant left before, and no goroutine is putting it back
	var stop atomic.Bool
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for n := worker; !stop.Load(); n = (n + 7) % tenants {
				was := gone[n].Load()
				err := decide(n)
				if was && gone[n].Load() {
					assert.ErrorIs(t, err, claims.ErrIssuer)
				}
			}
		})
	}
	for change := range changes {
		first := change * step % tenants
		without := append(append([]claims.Issuer(nil), all[:first]...), all[first+step:]...)
		require.NoError(t, auth.Replace(without))
		for n := first; n < first+step; n++ {
			gone[n].Store(true)
		}
		require.ErrorIs(t, decide(first), claims.ErrIssuer)
		require.NoError(t, decide((first+step)%tenants))
		for n := first; n < first+step; n++ {
			gone[n].Store(false)
		}
		require.NoError(t, auth.Replace(all))
	}
	stop.Store(true)
	group.Wait()
}

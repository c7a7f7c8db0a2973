package jwks_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestDiscoveryIsReadOnceADayAndNeverByAForcedFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		start := time.Now()
		for time.Since(start) < 24*time.Hour {
			requireKnown(t, cache, "known")
			requireUnknown(t, cache, "junk")
			require.Equal(t, 1, issuer.Count(jwkstest.Discovery))
			time.Sleep(20 * time.Minute)
		}
		time.Sleep(whileRevalidating) // now any request, for a known key or not, starts the refresh that reads it
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Equal(t, 2, issuer.Count(jwkstest.Discovery))
	})
}

func TestForcedFetchReadsDiscoveryOnlyWhileTheAddressIsUnknown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = issuer.Document() })
		issuer.Publish(namedKey("added"))
		issuer.FailNext(3, jwkstest.Discovery, jwkstest.Refuse())
		requireKnown(t, cache, "known") // the first fetch has failed now
		requireKnown(t, cache, "added")
		assert.Equal(t, 4, issuer.Count(jwkstest.Discovery))
		requireUnknown(t, cache, "junk")
		assert.Equal(t, 4, issuer.Count(jwkstest.Discovery))
	})
}

func TestMovedKeySetIsFoundAgain(t *testing.T) {
	gone := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "moved") {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
	hung := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "moved") {
			next.ServeHTTP(w, r)
			return
		}
		jwkstest.Hang()(w, r, next)
	}
	for name, tt := range map[string]struct {
		fault         jwkstest.Fault
		every, within time.Duration
	}{
		"old address is gone":            {gone, 5 * time.Second, 15 * time.Second},
		"old address hangs":              {hung, 5 * time.Second, whileRevalidating + time.Minute},
		"old address still answers":      {nil, 2 * time.Minute, 24*time.Hour + 15*time.Minute},
		"moved to another host, gone":    {gone, 5 * time.Second, 15 * time.Second},
		"moved while the cache was idle": {gone, 5 * time.Second, 26 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				to := issuer.URL() + "moved/jwks.json"
				if name == "moved to another host, gone" {
					to = "https://keys.example.com/moved/jwks.json"
				}
				issuer.MoveJWKS(to)
				issuer.Publish(namedKey("added")) // at the new address only
				if tt.fault != nil {
					issuer.Fail(jwkstest.JWKS, tt.fault)
				}
				start := time.Now()
				if name == "moved while the cache was idle" {
					time.Sleep(25 * time.Hour)
				}
				for {
					time.Sleep(tt.every)
					if name != "moved while the cache was idle" {
						requireKnown(t, cache, "known")
					}
					if _, err := cache.Keys(t.Context(), alg, "added"); err == nil {
						break
					}
					require.Less(t, time.Since(start), tt.within)
				}
			})
		})
	}
}

func TestKnownAddressStaysInUseWhileDiscoveryFails(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"refused":        jwkstest.Refuse(),
		"hangs":          jwkstest.Hang(),
		"500":            jwkstest.Respond(500, nil, ""),
		"HTML":           jwkstest.Respond(200, nil, "<html>"),
		"another issuer": jwkstest.Edit(map[string]any{"issuer": "https://evil.example/"}),
		"no jwks_uri":    jwkstest.Edit(map[string]any{"jwks_uri": jwkstest.Absent}),
		"http jwks_uri":  jwkstest.Edit(map[string]any{"jwks_uri": "http://issuer.example.test/jwks"}),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.Discovery, fault)
				issuer.FailNext(3, jwkstest.JWKS, jwkstest.Refuse()) // so that discovery is asked again
				time.Sleep(whileRevalidating)
				requireKnown(t, cache, "known")
				time.Sleep(10 * time.Second)
				before := issuer.Count(jwkstest.Discovery)
				requireKnown(t, cache, "known")
				time.Sleep(3 * time.Second)
				assert.Equal(t, before+1, issuer.Count(jwkstest.Discovery), "without a retry")
				assertState(t, jwks.StateFresh, cache)
				assert.NoError(t, cache.Status().LastError)

				time.Sleep(25 * time.Hour) // now discovery is due by age
				requireKnown(t, cache, "known")
			})
		})
	}
}

func TestDiscoveryDocumentsThatAreRefused(t *testing.T) {
	const differs = `its issuer differs from the configured "https://issuer.example.test/"`
	for name, tt := range map[string]struct {
		fault   jwkstest.Fault
		problem string
	}{
		"another issuer":         {edit("issuer", "https://"+secret+".example/"), differs},
		"without the slash":      {edit("issuer", "https://issuer.example.test"), differs + ": they differ in the trailing slash only"},
		"with an extra slash":    {edit("issuer", "https://issuer.example.test//"), differs + ": they differ in the trailing slash only"},
		"issuer in another case": {edit("issuer", "https://ISSUER.example.test/"), differs},
		"no issuer":              {edit("issuer", jwkstest.Absent), differs + ": it names none"},
		"null issuer":            {edit("issuer", nil), differs + ": it names none"},
		"issuer is a number":     {edit("issuer", 7), "not the JSON of one"},
		"template for tenants":   {edit("issuer", "https://issuer.example.test/{tenantid}/v2.0"), "template for many tenants"},
		"no jwks_uri":            {edit("jwks_uri", jwkstest.Absent), "no jwks_uri"},
		"null jwks_uri":          {edit("jwks_uri", nil), "no jwks_uri"},
		"http jwks_uri":          {edit("jwks_uri", "http://issuer.example.test/jwks"), `http on host "issuer.example.test" is not allowed, because the issuer is on https`},
		"http loopback jwks_uri": {edit("jwks_uri", "http://127.0.0.1/jwks"), `http on host "127.0.0.1" is not allowed`},
		"file jwks_uri":          {edit("jwks_uri", "file:///etc/passwd"), "not a URL with a host"},
		"relative jwks_uri":      {edit("jwks_uri", "/jwks"), "not a URL with a host"},
		"empty jwks_uri":         {edit("jwks_uri", ""), "not a URL with a host"},
		"other scheme":           {edit("jwks_uri", "ftp://issuer.example.test/"), "https is required"},
		"user name":              {edit("jwks_uri", "https://"+secret+"@issuer.example.test/"), "a user name or fragment is not allowed"},
		"fragment":               {edit("jwks_uri", "https://issuer.example.test/#"+secret), "a user name or fragment is not allowed"},
		"long jwks_uri":          {edit("jwks_uri", "https://issuer.example.test/"+strings.Repeat("a", 2048)), "longer than 2048 bytes"},
		"odd host":               {edit("jwks_uri", `https://a"b/`), "not a URL with a host"},
		"metadata address":       {edit("jwks_uri", "https://169.254.169.254/latest"), "Config.PrivateHosts"},
		"loopback address":       {edit("jwks_uri", "https://[::1]/jwks"), "Config.PrivateHosts"},
		"loopback name":          {edit("jwks_uri", "https://localhost/jwks"), "Config.PrivateHosts"},
		"mapped private address": {edit("jwks_uri", "https://[::ffff:10.0.0.1]/jwks"), "Config.PrivateHosts"},
		"HTML":                   {jwkstest.Respond(200, nil, "<html>"+secret), "not the JSON of one: it looks like a page of HTML"},
		"array":                  {jwkstest.Respond(200, nil, "[]"), "not the JSON of one: it is a JSON array"},
		"null":                   {jwkstest.Respond(200, nil, "null"), "not the JSON of one"},
		"two objects":            {jwkstest.Respond(200, nil, "{}{}"), "not the JSON of one"},
		"duplicate issuer": {jwkstest.Respond(200, nil,
			`{"issuer":"https://issuer.example.test/","issuer":"https://issuer.example.test/","jwks_uri":"https://a.example/"}`), "not the JSON of one"},
		"member in another case": {jwkstest.Respond(200, nil,
			`{"Issuer":"https://issuer.example.test/","jwks_uri":"https://a.example/"}`), differs},
		"too long": {jwkstest.Pad(512<<10 + 1), "longer than 524288 bytes"},
		"redirect": {jwkstest.Redirect("https://evil.example/"), `status 302, a redirect to host "evil.example", which is never followed`},
		"hangs":    {jwkstest.Hang(), "no complete answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.Discovery, tt.fault)
				issuer.Fail(jwkstest.Metadata, tt.fault)
				err := newCache(t, issuer).Refresh(t.Context())
				require.ErrorContains(t, err, tt.problem)
				assert.NotContains(t, err.Error(), secret)
				assert.NotContains(t, err.Error(), "looks like a discovery document", "that is what was expected")
				assert.Zero(t, issuer.Count(jwkstest.JWKS))

				issuer.Fail(jwkstest.Metadata, respond(http.StatusNotFound, ""))
				err = newCache(t, issuer).Refresh(t.Context())
				require.ErrorContains(t, err, tt.problem, "a 404 of the second address says less")
			})
		})
	}
}

func TestKeySetMayBeOnAnotherPublicHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.MoveJWKS("https://www.googleapis.example:8443/oauth2/v3/certs?p=1")
		requireKnown(t, newCache(t, issuer), "known")
	})
}

// The key set of an issuer on loopback can be under another name of loopback. http is used
// only on hosts that were allowed.
func TestDiscoveryFromAnHTTPIssuer(t *testing.T) {
	for name, tt := range map[string]struct {
		issuer, jwksURI string
		problem         string
	}{
		"same host":                 {"http://localhost:8080", "http://localhost:8080/k", ""},
		"another name of loopback":  {"http://localhost:8080", "http://127.0.0.1:9090/k", ""},
		"https beside http":         {"http://localhost:8080", "https://localhost/k", ""},
		"http elsewhere":            {"http://localhost:8080", "http://keys.example/k", `http on host "keys.example" is not allowed: to allow it, name the host in Config.InsecureHTTPHosts`},
		"private address elsewhere": {"http://localhost:8080", "https://10.0.0.1/k", "Config.PrivateHosts"},
		"named host":                {"http://keycloak", "http://keycloak/k", ""},
		"another named host":        {"http://keycloak", "http://keys/k", ""},
		"loopback of this machine":  {"http://keycloak", "http://localhost/k", "Config.PrivateHosts"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{URL: tt.issuer, Key: namedKey("known")})
				issuer.MoveJWKS(tt.jwksURI)
				cache := newCache(t, issuer, func(c *jwks.Config) { c.InsecureHTTPHosts = []string{"keycloak", "keys"} })
				err := cache.Refresh(t.Context())
				if tt.problem == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, tt.problem)
			})
		})
	}
}

func TestPrivateHostsMayBeNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.MoveJWKS("https://10.1.2.3/k")
		cache := newCache(t, issuer, func(c *jwks.Config) { c.PrivateHosts = []string{"10.1.2.3"} })
		requireKnown(t, cache, "known")
	})
}

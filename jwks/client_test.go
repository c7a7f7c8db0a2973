package jwks_test

import (
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

func TestRequestHeaders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var requests recorder
		issuer := newIssuer()
		newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
		all := requests.all()
		require.Len(t, all, 2)
		for _, r := range all {
			assert.Equal(t, http.MethodGet, r.Method)
			assert.Equal(t, "bearerguard-jwks", r.Header.Get("User-Agent"))
		}
		assert.Equal(t, "application/json", all[0].Header.Get("Accept"))
		assert.Equal(t, "application/jwk-set+json, application/json", all[1].Header.Get("Accept"))
	})
}

func TestAllowedRedirectsStayOnTheOriginAndAreAtMostThree(t *testing.T) {
	const base = "https://issuer.example.test"
	for name, tt := range map[string]struct {
		to       []string // one after the other
		followed int
	}{
		"same host":                      {[]string{base + "/moved"}, 1},
		"relative":                       {[]string{"/moved"}, 1},
		"three":                          {[]string{"/1", "/2", "/3"}, 3},
		"four":                           {[]string{"/1", "/2", "/3", "/4"}, 3},
		"loop":                           {[]string{"/1", "/1", "/1", "/1", "/1"}, 3},
		"to http":                        {[]string{"http://issuer.example.test/moved"}, 0},
		"to another host":                {[]string{"https://evil.example/moved"}, 0},
		"to another port":                {[]string{base + ":8443/moved"}, 0},
		"to a host with the same ending": {[]string{"https://notissuer.example.test/"}, 0},
		"to another host in two steps":   {[]string{"/1", "https://evil.example/moved"}, 1},
		"with the host as a user name":   {[]string{"https://issuer.example.test@evil.example/"}, 0},
		"to http, in two steps":          {[]string{"/1", "http://issuer.example.test/moved"}, 1},
		"to another scheme":              {[]string{"file:///etc/passwd"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var requests recorder
				issuer := newIssuer()
				hops := 0
				client := requests.client(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					if hops == len(tt.to) {
						r.URL.Path = mustParse(t, issuer.JWKSURL()).Path
						return issuer.Client().Transport.RoundTrip(r)
					}
					hops++
					return &http.Response{
						StatusCode: http.StatusFound, Body: http.NoBody,
						Header: http.Header{"Location": {tt.to[hops-1]}},
					}, nil
				})})
				cache := newCache(t, issuer, atURL(issuer), func(c *jwks.Config) {
					c.Client, c.AllowRedirects = client, true
				})
				_, err := cache.Keys(t.Context(), alg, "known")
				assert.Equal(t, tt.followed == len(tt.to), err == nil)
				for _, r := range requests.all() {
					assert.Equal(t, base, r.URL.Scheme+"://"+r.URL.Host)
				}
				assert.Len(t, requests.all(), tt.followed+1)
			})
		})
	}
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

func TestClientIsCopiedWithoutItsCookieJar(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		address := mustParse(t, issuer.URL())
		jar.SetCookies(address, []*http.Cookie{{Name: "session", Value: secret}})
		var requests recorder
		client := requests.client(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			res, err := issuer.Client().Transport.RoundTrip(r)
			res.Header.Set("Set-Cookie", "tracking=1")
			return res, err
		})})
		client.Jar = jar

		newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = client })
		for _, r := range requests.all() {
			assert.Empty(t, r.Cookies())
		}
		assert.Len(t, jar.Cookies(address), 1, "no cookie is stored")
		assert.Nil(t, client.CheckRedirect)
		assert.Same(t, jar, client.Jar)
	})
}

func TestConnectionsAreClosedAfterTheFetch(t *testing.T) {
	for name, useTLS := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan struct{}, 100)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"keys":[]}`))
			}))
			defer server.Close()
			server.EnableHTTP2 = true
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateClosed {
					closed <- struct{}{}
				}
			}
			if useTLS {
				server.StartTLS()
			} else {
				server.Start()
			}
			cache, err := jwks.New(jwks.Config{URL: server.URL, Client: server.Client(), Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			err = cache.Refresh(t.Context())
			require.ErrorIs(t, err, claims.ErrKeysUnavailable)
			assert.ErrorContains(t, err, "no usable key")
			select {
			case <-closed:
			case <-time.After(10 * time.Second):
				t.Fatal("the connection outlives the fetch, with its two goroutines")
			}
		})
	}
}

package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// counted wraps a transport as an instrumented client does.
type counted struct {
	next  http.RoundTripper
	count *atomic.Int64
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.next.RoundTrip(r)
}

// issuerOnASocket returns an issuer over TLS that reports the connections that were closed.
func issuerOnASocket(t *testing.T, closed chan<- struct{}) *httptest.Server {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL, server.URL+"/keys")
			return
		}
		_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, filler)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// That the rules on addresses stay is tested in internal/fetch.
func TestA16WrapTransportSeesEachRequestAndLeavesNoConnection(t *testing.T) {
	closed := make(chan struct{}, 100)
	server := issuerOnASocket(t, closed)
	var count atomic.Int64
	cache, err := jwks.New(jwks.Config{
		Issuer: server.URL, Logger: slog.New(slog.DiscardHandler),
		RootCAs:       server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
		WrapTransport: func(next http.RoundTripper) http.RoundTripper { return counted{next, &count} },
	})
	require.NoError(t, err)
	require.NoError(t, cache.Refresh(t.Context()))
	assert.Equal(t, int64(2), count.Load())
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection outlives the fetch, with its two goroutines")
	}
}

func TestA16WrapTransportThatReturnsNilIsAMistake(t *testing.T) {
	_, err := jwks.New(jwks.Config{
		Issuer:        "https://issuer.example/",
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return nil },
	})
	require.ErrorContains(t, err, "jwks: invalid Config.WrapTransport: it returned nil")
}

func TestA16WrapTransportWrapsTheTransportOfTheClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var count atomic.Int64
		cache := newCache(t, newIssuer(), func(c *jwks.Config) {
			c.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return counted{next, &count} }
		})
		requireKnown(t, cache, "known")
		assert.Equal(t, int64(2), count.Load())
	})
}

func TestA16RootCAs(t *testing.T) {
	server := issuerOnASocket(t, make(chan struct{}, 100))
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for name, tt := range map[string]struct {
		edit    func(*jwks.Config)
		problem string
	}{
		"the system's":                     {func(*jwks.Config) {}, "certificate"},
		"the issuer's":                     {func(c *jwks.Config) { c.RootCAs = roots }, ""},
		"with a client without transport":  {func(c *jwks.Config) { c.RootCAs, c.Client = roots, &http.Client{} }, ""},
		"with a client and its own CAs":    {func(c *jwks.Config) { c.Client = server.Client() }, ""},
		"with a client that has transport": {func(c *jwks.Config) { c.RootCAs, c.Client = roots, server.Client() }, "Config.RootCAs"},
	} {
		t.Run(name, func(t *testing.T) {
			config := jwks.Config{Issuer: server.URL, Logger: slog.New(slog.DiscardHandler)}
			tt.edit(&config)
			cache, err := jwks.New(config)
			if err == nil {
				err = cache.Refresh(t.Context())
			}
			if tt.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.problem)
		})
	}
}

// Only the configured host and port get the credential, and only over TLS.
func TestA16AuthorizationGoesToTheConfiguredHostOnly(t *testing.T) {
	const value = "Bearer " + secret
	for name, tt := range map[string]struct {
		issuer, jwksURI string
		discovery, keys bool // get it
	}{
		"the same host":         {"https://issuer.example.test/", "https://issuer.example.test/k", true, true},
		"another port":          {"https://issuer.example.test/", "https://issuer.example.test:8443/k", true, false},
		"the default port":      {"https://issuer.example.test/", "https://issuer.example.test:443/k", true, true},
		"another case":          {"https://issuer.example.test/", "https://ISSUER.example.test/k", true, true},
		"another host":          {"https://issuer.example.test/", "https://keys.example.test/k", true, false},
		"a host below":          {"https://example.test/", "https://keys.example.test/k", true, false},
		"a host above":          {"https://issuer.example.test/", "https://example.test/k", true, false},
		"a host with this name": {"https://issuer.example.test/", "https://issuer.example.test.evil.example/k", true, false},
		"http":                  {"http://localhost:8080", "http://localhost:8080/k", false, false},
		"https beside http":     {"http://localhost:8080", "https://localhost:8443/k", false, false},
		"loopback by any name":  {"https://localhost:8080", "https://127.0.0.1:8080/k", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{URL: tt.issuer, Key: namedKey("known")})
				issuer.MoveJWKS(tt.jwksURI)
				var requests recorder
				cache := newCache(t, issuer, func(c *jwks.Config) {
					c.Client = requests.client(c.Client)
					c.Authorization = func(context.Context) (string, error) { return value, nil }
				})
				requireKnown(t, cache, "known")
				got := map[bool]string{true: value}
				all := requests.all()
				require.Len(t, all, 2)
				assert.Equal(t, got[tt.discovery], all[0].Header.Get("Authorization"))
				assert.Equal(t, got[tt.keys], all[1].Header.Get("Authorization"))
			})
		})
	}
}

// The value can be a token that a file holds, and that changes.
func TestA16AuthorizationIsAskedForBeforeEachRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		var requests recorder
		calls := 0
		cache := newCache(t, issuer, atURL(issuer), func(c *jwks.Config) {
			c.Client = requests.client(c.Client)
			c.Authorization = func(ctx context.Context) (string, error) {
				_, bounded := ctx.Deadline()
				assert.True(t, bounded)
				calls++
				return fmt.Sprint("Bearer ", calls), nil
			}
		})
		issuer.FailNext(2, jwkstest.JWKS, respond(http.StatusServiceUnavailable, ""))
		require.NoError(t, cache.Refresh(t.Context()))
		requireUnknown(t, cache, "junk")
		for n, r := range requests.all() {
			assert.Equal(t, fmt.Sprint("Bearer ", n+1), r.Header.Get("Authorization"))
		}
		assert.Equal(t, 4, calls)
	})
}

func TestA16ErrorOfAuthorizationIsAFailedFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		problem := errors.New("no such file")
		broken := true
		var logged eventLog
		cache := newCache(t, issuer, withLog(&logged), func(c *jwks.Config) {
			c.Authorization = func(context.Context) (string, error) {
				if broken {
					return "Bearer " + secret, problem
				}
				return "", nil
			}
		})
		failure := requireUnavailable(t, cache, "known")
		require.ErrorIs(t, failure, problem)
		require.ErrorIs(t, failure, claims.ErrKeysUnavailable)
		assert.Zero(t, issuer.Count(jwkstest.Discovery)+issuer.Count(jwkstest.Metadata), "nothing is sent without it")
		assert.Equal(t, uint64(1), cache.Status().FailedFetches)
		synctest.Wait()
		assert.NotContains(t, logged.text(), secret)

		broken = false
		time.Sleep(failure.RetryAfter)
		requireKnown(t, cache, "known")
	})
}

// A redirect to the same host keeps the credential, as net/http does. No other one is followed.
func TestA16AuthorizationDoesNotFollowARedirectToAnotherHost(t *testing.T) {
	for to, followed := range map[string]bool{
		"https://issuer.example.test/.well-known/jwks.json?moved": true,
		"https://evil.example/.well-known/jwks.json?moved":        false,
		"http://issuer.example.test/.well-known/jwks.json?moved":  false,
	} {
		t.Run(to, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.JWKS, redirect(to))
				var requests recorder
				cache := newCache(t, issuer, atURL(issuer), func(c *jwks.Config) {
					c.Client, c.AllowRedirects = requests.client(c.Client), true
					c.Authorization = func(context.Context) (string, error) { return "Bearer " + secret, nil }
				})
				assert.Equal(t, followed, cache.Refresh(t.Context()) == nil)
				for _, r := range requests.all() {
					assert.Equal(t, "https://issuer.example.test", r.URL.Scheme+"://"+r.URL.Host)
					assert.Equal(t, "Bearer "+secret, r.Header.Get("Authorization"))
				}
			})
		})
	}
}

// A value that cannot be sent is a failed fetch, and is not repeated in an error or a log.
func TestA16AuthorizationValueIsNotPrinted(t *testing.T) {
	server := issuerOnASocket(t, make(chan struct{}, 100))
	var logged eventLog
	cache, err := jwks.New(jwks.Config{
		Issuer: server.URL, Client: server.Client(), Logger: logged.logger(),
		Authorization: func(context.Context) (string, error) { return "Bearer " + secret + "\r\nX: y", nil },
	})
	require.NoError(t, err)
	err = cache.Refresh(t.Context())
	require.ErrorContains(t, err, "invalid header field value")
	assert.NotContains(t, fmt.Sprint(err, cache.Status()), secret)
	assert.NotContains(t, logged.text(), secret)
}

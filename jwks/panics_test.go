package jwks_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const panickedEvent = "ERROR jwks: a panic was recovered in the Client"

// onceBroken makes the first request panic, or do whatever else.
func onceBroken(issuer *jwkstest.Issuer, broken func(*http.Request) (*http.Response, error)) *http.Client {
	good := issuer.Client().Transport
	first := true
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if first {
			first = false
			return broken(r)
		}
		return good.RoundTrip(r)
	})}
}

type panickingBody struct{ io.Reader }

func (panickingBody) Read([]byte) (int, error) { panic("in Read\n" + secret) }
func (panickingBody) Close() error             { return nil }

// Nothing else would recover a panic on the goroutine of a fetch. The fetch has failed, and gives
// its slot back.
func TestA15PanicOfTheClientIsAFailedFetch(t *testing.T) {
	for name, edit := range map[string]func(*jwkstest.Issuer, *jwks.Config){
		"RoundTripper": func(i *jwkstest.Issuer, c *jwks.Config) {
			c.Client = onceBroken(i, func(*http.Request) (*http.Response, error) { panic("in RoundTrip\n" + secret) })
		},
		"RoundTripper, nil dereference": func(i *jwkstest.Issuer, c *jwks.Config) {
			c.Client = onceBroken(i, func(*http.Request) (*http.Response, error) {
				var response *http.Response
				return &http.Response{Header: response.Header}, nil
			})
		},
		"Body": func(i *jwkstest.Issuer, c *jwks.Config) {
			c.Client = onceBroken(i, func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: panickingBody{}, Request: r}, nil
			})
		},
		"WrapTransport": func(_ *jwkstest.Issuer, c *jwks.Config) {
			c.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
				first := true
				return roundTrip(func(r *http.Request) (*http.Response, error) {
					if first {
						first = false
						panic("in WrapTransport")
					}
					return next.RoundTrip(r)
				})
			}
		},
		"Authorization": func(_ *jwkstest.Issuer, c *jwks.Config) {
			first := true
			c.Authorization = func(context.Context) (string, error) {
				if first {
					first = false
					panic("in Authorization")
				}
				return "", nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				var log eventLog
				cache := newCache(t, issuer, withLog(&log), func(c *jwks.Config) {
					c.FetchLimit = jwks.NewFetchLimit(1)
					edit(issuer, c)
				})
				failure := requireUnavailable(t, cache, "known")
				synctest.Wait()
				assert.Equal(t, []string{panickedEvent, unusableEvent}, log.take())
				assert.NotContains(t, log.text(), "\\n"+secret, "the text is made printable")
				assert.Equal(t, uint64(1), cache.Status().FailedFetches)
				assert.ErrorContains(t, cache.Status().LastError, "a panic in the Client")

				time.Sleep(failure.RetryAfter)
				requireKnown(t, cache, "known")
			})
		})
	}
}

// A set that is in use stays in use, and the failure counts as one: it begins the backoff.
func TestA15PanicKeepsTheSetInUse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		var broken bool
		cache := newWarmCache(t, issuer, func(c *jwks.Config) {
			good := c.Client.Transport
			c.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if broken {
					panic("broken")
				}
				return good.RoundTrip(r)
			})}
		})
		broken = true
		time.Sleep(whileStale)
		requireKnown(t, cache, "known")
		assert.True(t, cache.Status().NextRefresh.After(time.Now()))
		requireUnavailable(t, cache, "junk")
		require.Error(t, cache.Refresh(t.Context()))
		requireKnown(t, cache, "known")
		assert.Equal(t, uint64(3), cache.Status().FailedFetches)
	})
}

func TestA15PanicOfOnDocumentIsLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		var log eventLog
		stored := 0
		cache := newCache(t, issuer, withLog(&log), func(c *jwks.Config) {
			c.OnDocument = func([]byte) {
				if stored++; stored%2 == 1 {
					panic("the disk is full")
				}
			}
		})
		requireKnown(t, cache, "known")
		synctest.Wait()
		const event = "ERROR jwks: a panic was recovered in OnDocument"
		assert.Equal(t, []string{refreshedEvent, event}, log.take())
		assert.Contains(t, log.text(), `panic="the disk is full"`)

		issuer.Publish(newKey)
		requireKnown(t, cache, newKey.ID)
		synctest.Wait()
		assert.Equal(t, 2, stored, "later documents are delivered")
		cache.Block("known")
		assert.Equal(t, 3, stored)
		requireUnknown(t, cache, "known")
		assert.Zero(t, cache.Status().FailedFetches)
	})
}

type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("no log") }

type panickingEnabled struct{ slog.Handler }

func (panickingEnabled) Enabled(context.Context, slog.Level) bool { panic("no log") }

func TestA15PanicOfTheLoggerDoesNoHarm(t *testing.T) {
	for name, handler := range map[string]slog.Handler{
		"Handle": panickingHandler{slog.DiscardHandler}, "Enabled": panickingEnabled{slog.DiscardHandler},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				stored := 0
				cache := newCache(t, issuer, func(c *jwks.Config) {
					c.Logger = slog.New(handler)
					c.Seed = []byte("{")
					c.OnDocument = func([]byte) { stored++; panic("and no disk") }
				})
				issuer.FailNext(1, jwkstest.JWKS, respond(403, ""))
				requireKnown(t, cache, "known")
				synctest.Wait()
				assert.Equal(t, 1, stored)
				cache.Block("known")
				requireUnknown(t, cache, "known")
				requireUnknown(t, cache, "junk")
			})
		})
	}
}

// A test's RoundTripper can end its goroutine, as t.FailNow does.
func TestA15GoexitOfTheClientIsAFailedFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.FetchLimit = jwks.NewFetchLimit(1)
			c.Client = onceBroken(issuer, func(*http.Request) (*http.Response, error) {
				runtime.Goexit()
				return nil, nil
			})
		})
		requireUnavailable(t, cache, "known")
		time.Sleep(10 * time.Second)
		requireKnown(t, cache, "known")
	})
}

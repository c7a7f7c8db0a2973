package fetch

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// almost1 is the largest random number that rand.Float64 returns.
const almost1 = 1 - 1.0/(1<<53)

func TestRetryPause(t *testing.T) {
	assert.Equal(t, 100*time.Millisecond, retryPause(0, 0, 0))
	assert.InDelta(t, 500*time.Millisecond, retryPause(0, almost1, 0), 10)
	assert.InDelta(t, 900*time.Millisecond, retryPause(1, almost1, 0), 10)
	assert.Equal(t, 2*time.Second, retryPause(0, 0, 2*time.Second), "Retry-After is honoured")
	assert.InDelta(t, 2400*time.Millisecond, retryPause(0, almost1, 2*time.Second), 10, "with jitter")
}

func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	server := newCountingServer(t, true, answerKeySet)
	retries := Retries{Left: 2}
	_, err := New(Config{Address: server.URL}).GetWithRetries(t.Context(), Request{What: "jwks: key set", URL: server.URL}, &retries)
	require.ErrorContains(t, err, "certificate")
	assert.Equal(t, 2, retries.Left)
}

func TestNonPublicAddressIsNotRetried(t *testing.T) {
	retries := Retries{Left: 2}
	_, err := namedOnly(nil).GetWithRetries(t.Context(), Request{What: "jwks: key set", URL: "https://127.0.0.1:1/"}, &retries)
	require.ErrorIs(t, err, ErrNotPublic)
	assert.Equal(t, 2, retries.Left)
}

func TestJitteredAddsAtMostAFifth(t *testing.T) {
	assert.Zero(t, Jittered(0, almost1))
	assert.Equal(t, 10*time.Second, Jittered(10*time.Second, 0))
	assert.Equal(t, 11*time.Second, Jittered(10*time.Second, 0.5))
	assert.InDelta(t, 12*time.Second, Jittered(10*time.Second, almost1), 10)
	assert.Less(t, Jittered(10*time.Second, almost1), 12*time.Second)
}

// A firewall can answer 4xx to a Cache-Control field. Such a request is repeated once, at once,
// and without the field, which takes no retry.
func TestRefusedRequestIsRepeatedWithoutCacheControl(t *testing.T) {
	for name, tt := range map[string]struct {
		cacheControl string
		answers      []int // to the requests, one after the other
		plain        bool
		left         int // retries
		want         []string
		succeeds     bool
	}{
		"accepted":                     {"no-cache", []int{200}, true, 2, []string{"no-cache"}, true},
		"refused":                      {"no-cache", []int{403, 200}, true, 2, []string{"no-cache", ""}, true},
		"refused, without a retry":     {"max-age=10", []int{403, 200}, true, 0, []string{"max-age=10", ""}, true},
		"refused, then 503":            {"max-age=10", []int{403, 503, 200}, true, 1, []string{"max-age=10", "", ""}, true},
		"503, then refused":            {"max-age=10", []int{503, 403, 200}, true, 1, []string{"max-age=10", "max-age=10", ""}, true},
		"refused twice":                {"no-cache", []int{403, 403}, true, 2, []string{"no-cache", ""}, false},
		"refused, and it may not":      {"no-cache", []int{403}, false, 2, []string{"no-cache"}, false},
		"refused without the field":    {"", []int{403}, true, 2, []string{""}, false},
		"401 is about the credential":  {"no-cache", []int{401}, true, 2, []string{"no-cache"}, false},
		"404 is about the address":     {"no-cache", []int{404}, true, 2, []string{"no-cache"}, false},
		"a redirect is no refusal":     {"no-cache", []int{302}, true, 2, []string{"no-cache"}, false},
		"503 with no retry left":       {"max-age=10", []int{503}, true, 0, []string{"max-age=10"}, false},
		"503 is retried with the same": {"max-age=10", []int{503, 200}, true, 1, []string{"max-age=10", "max-age=10"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				client := New(Config{Address: "https://issuer.example/", Client: &http.Client{
					Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
						got = append(got, r.Header.Get("Cache-Control"))
						return &http.Response{StatusCode: tt.answers[len(got)-1], Body: http.NoBody, Request: r}, nil
					}),
				}})
				failed := 0
				retries := Retries{Left: tt.left, Plain: tt.plain, OnFailed: func() { failed++ }}
				res, err := client.GetWithRetries(t.Context(), Request{
					What: "jwks: key set", URL: "https://issuer.example/k", MaxBytes: maxBytes, CacheControl: tt.cacheControl,
				}, &retries)
				assert.Equal(t, tt.want, got)
				assert.Equal(t, tt.succeeds, err == nil)
				settled := 0 // requests that succeeded, or were repeated at once
				if tt.succeeds {
					settled++
					assert.Equal(t, got[len(got)-1] == "", res.Plain)
				}
				if i := slices.Index(got, ""); i > 0 {
					settled++
				}
				assert.Equal(t, len(got)-settled, failed, "OnFailed is called for each failure that is not repeated at once")
			})
		})
	}
}

// A pause that would end after the context is not begun: the answer is not late for nothing.
func TestNoPauseBeyondTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := New(Config{Address: "https://issuer.example/", Client: &http.Client{
			Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
				header := http.Header{"Retry-After": {"10"}}
				return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: header, Body: http.NoBody, Request: r}, nil
			}),
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := client.GetWithRetries(ctx, Request{What: "jwks: key set", URL: "https://issuer.example/k"}, &Retries{Left: 2})
		require.ErrorContains(t, err, "status 503")
		assert.Zero(t, time.Since(start))
	})
}

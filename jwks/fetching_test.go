package jwks_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestAskedFetchUnderFaults(t *testing.T) {
	status := func(code int, header ...string) jwkstest.Fault {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return jwkstest.Respond(code, h, secret)
	}
	tests := map[string]struct {
		fault    jwkstest.Fault
		requests int
		within   time.Duration
		problem  string
	}{
		"connection refused":      {jwkstest.Refuse(), 3, 2 * time.Second, "no answer: dial tcp: connect: connection refused"},
		"connection reset":        {jwkstest.Reset(), 3, 2 * time.Second, "connection reset"},
		"hang before the header":  {jwkstest.Hang(), 1, 5 * time.Second, "no complete answer in time"},
		"hang in the body":        {jwkstest.Stall(), 1, 5 * time.Second, "no complete answer in time"},
		"slow drip":               {jwkstest.Drip(time.Second), 1, 5 * time.Second, "no complete answer in time"},
		"slow first byte":         {jwkstest.Delay(6 * time.Second), 1, 5 * time.Second, "no complete answer in time"},
		"truncated":               {jwkstest.Truncate(), 3, 2 * time.Second, "unexpected EOF"},
		"endless":                 {jwkstest.Pad(-1), 1, 0, "longer than 524288 bytes"},
		"one byte too long":       {jwkstest.Pad(512<<10 + 1), 1, 0, "longer than 524288 bytes"},
		"100,000 keys":            {jwkstest.ManyKeys(100_000), 1, 0, "longer than 524288 bytes"},
		"300 keys":                {jwkstest.ManyKeys(300), 1, 0, "more than 256 keys"},
		"HTML":                    {status(200), 1, 0, "not a JWK Set: not a JSON object"},
		"no body":                 {jwkstest.Respond(200, nil, ""), 1, 0, "not a JWK Set: the document is empty"},
		"{}":                      {jwkstest.Respond(200, nil, "{}"), 1, 0, "not a JWK Set"},
		"no keys":                 {jwkstest.Respond(200, nil, `{"keys":[]}`), 1, 0, "no usable key"},
		"201":                     {status(201), 1, 0, "status 201"},
		"204":                     {status(204), 1, 0, "status 204"},
		"206":                     {status(206), 1, 0, "status 206"},
		"304 without a condition": {status(304), 1, 0, "status 304"},
		"401":                     {status(401), 1, 0, "status 401"},
		"404":                     {status(404), 1, 0, "status 404"},
		"408":                     {status(408), 3, 2 * time.Second, "status 408"},
		"429":                     {status(429), 3, 2 * time.Second, "status 429"},
		"429, Retry-After 2 s":    {status(429, "Retry-After", "2"), 3, 5 * time.Second, "status 429"},
		"429, Retry-After 3 s":    {status(429, "Retry-After", "3"), 2, 5 * time.Second, "status 429"},
		"429, Retry-After 60 s":   {status(429, "Retry-After", "60"), 1, 0, "status 429"},
		"500":                     {status(500), 3, 2 * time.Second, "status 500"},
		"503":                     {status(503), 3, 2 * time.Second, "status 503"},
		"503, Retry-After 1 h":    {status(503, "Retry-After", "3600"), 1, 0, "status 503"},
		"redirect loop":           {jwkstest.Redirect(""), 1, 0, "status 302, a redirect on the same host: to follow it, set Config.AllowRedirects"},
		"redirect to http":        {jwkstest.Redirect("http://issuer.example.test/" + secret), 1, 0, "status 302, a redirect that is not to https"},
		"redirect to elsewhere":   {jwkstest.Redirect("https://evil.example/" + secret), 1, 0, `status 302, a redirect to host "evil.example"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newCache(t, issuer, atURL(issuer))
				issuer.Fail(jwkstest.JWKS, tt.fault)
				var err error
				assert.Equal(t, tt.requests, keySetRequests(issuer, func() {
					assert.LessOrEqual(t, took(func() { err = cache.Refresh(t.Context()) }), tt.within)
				}))
				require.ErrorContains(t, err, tt.problem)
				require.ErrorIs(t, err, claims.ErrKeysUnavailable)
				assert.NotContains(t, err.Error(), secret)
				assert.NotContains(t, err.Error(), "issuer.example.test")
				assertState(t, jwks.StateCold, cache)

				issuer.Recover()
				require.NoError(t, cache.Refresh(t.Context()))
				requireKnown(t, cache, "known")
			})
		})
	}
}

func TestUnusualAnswersAreAccepted(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"512 KiB":            jwkstest.Pad(512 << 10),
		"256 keys":           jwkstest.ManyKeys(255),
		"wrong content type": jwkstest.ContentType("text/html"),
		"no content type":    jwkstest.ContentType(""),
		"byte by byte":       jwkstest.Drip(time.Millisecond),
		"after 4 s":          jwkstest.Delay(4 * time.Second),
		"odd validators": func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("ETag", "no quotes\x01")
			w.Header().Set("Last-Modified", "yesterday")
			next.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.JWKS, fault)
				cache := newCache(t, issuer, atURL(issuer))
				require.NoError(t, cache.Refresh(t.Context()))
				time.Sleep(whileRevalidating)
				requireKnown(t, cache, "known")
				time.Sleep(5 * time.Second)
				assertState(t, jwks.StateFresh, cache)
			})
		})
	}
}

// A fetch that Refresh asks for is retried, whatever the cache has. So is a scheduled fetch of a
// usable set.
func TestRetriesAreCountedPerFetch(t *testing.T) {
	for name, tt := range map[string]struct {
		discovery, jwks int // requests that fail
		good            bool
	}{
		"no failure":                {0, 0, true},
		"discovery fails twice":     {2, 0, true},
		"the set fails twice":       {0, 2, true},
		"each fails once":           {1, 1, true},
		"the set fails three times": {0, 3, false},
		"three failures in total":   {1, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.FailNext(tt.discovery, jwkstest.Discovery, jwkstest.Reset())
				issuer.FailNext(tt.jwks, jwkstest.JWKS, jwkstest.Respond(502, nil, ""))
				cache := newCache(t, issuer)
				assert.Less(t, took(func() {
					assert.Equal(t, tt.good, cache.Refresh(t.Context()) == nil)
				}), 2*time.Second)
				assert.Equal(t, uint64(1), cache.Status().Fetches)
			})
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.FailNext(tt.discovery, jwkstest.Discovery, jwkstest.Reset())
				issuer.FailNext(tt.jwks, jwkstest.JWKS, jwkstest.Respond(502, nil, ""))
				cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = issuer.Document() })
				assert.Less(t, took(func() { requireKnown(t, cache, "known") }), 2*time.Second)
				assert.Equal(t, tt.good, cache.Status().LastError == nil)
				assert.Equal(t, uint64(1), cache.Status().Fetches)
			})
		})
	}
}

// Without a usable set the next attempt follows within 5 s, and a whole fleet can be cold at once.
func TestScheduledFetchIsNotRetriedWithoutAUsableSet(t *testing.T) {
	for name, tt := range map[string]struct {
		endpoint jwkstest.Endpoint
		age      time.Duration // of the set; 0: none
		requests requestCounts
	}{
		"cold, discovery": {jwkstest.Discovery, 0, requestCounts{1, 0}},
		"cold, key set":   {jwkstest.JWKS, 0, requestCounts{1, 1}},
		"exhausted":       {jwkstest.JWKS, whileExhausted, requestCounts{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newCache(t, issuer)
				if tt.age > 0 {
					cache = aged(t, issuer, tt.age)
				}
				issuer.Fail(tt.endpoint, respond(http.StatusBadGateway, ""))
				count := counter(issuer)
				assert.Zero(t, took(func() { requireUnavailable(t, cache, "known") }))
				assert.Equal(t, tt.requests, count())
			})
		})
	}
}

func TestRetryAfterIsHonouredByTheSchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		limited := http.Header{"Retry-After": {"120"}}
		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Respond(http.StatusTooManyRequests, limited, ""))
		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known")
		keySetRequests(issuer, func() {})
		assert.Zero(t, keySetRequests(issuer, func() {
			for range 119 {
				time.Sleep(time.Second)
				requireKnown(t, cache, "known")
			}
		}))
		time.Sleep(25 * time.Second) // the rest, and a fifth of jitter
		assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
	})
}

func TestCauseInAnErrorIsBoundedAndPrintable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		hostile := errors.New("malformed MIME header line: \x1b[31m\nlevel=INFO\xff" + strings.Repeat("A", 1<<20))
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.Client = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, hostile })}
		})
		err := cache.Refresh(t.Context())
		require.ErrorIs(t, err, hostile)
		assert.Less(t, len(err.Error()), 400)
		for _, r := range err.Error() {
			assert.True(t, r >= ' ' && r <= '~', "%q", r)
		}
	})
}

package jwks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A fleet is many replicas of one server. Run starts each fetch of a replica when it is due, as
// requests do on a busy server. The issuer is a small function, because a thousand replicas make
// a hundred thousand requests.
type fleet struct {
	replicas []*jwks.Cache
	latency  time.Duration // of each request

	mu     sync.Mutex
	fails  http.Header // not nil: the issuer answers 503 with this header
	keys   string      // the key set
	times  []time.Time // of the requests to the issuer
	issuer *jwkstest.Issuer
}

func newFleet(t *testing.T, n int) *fleet {
	t.Helper()
	f := &fleet{replicas: make([]*jwks.Cache, n), latency: issuerLatency, issuer: newIssuer()}
	f.publish(f.issuer)
	f.restart(t)
	return f
}

// restart makes every replica cold.
func (f *fleet) restart(t *testing.T) {
	t.Helper()
	for i := range f.replicas {
		f.replicas[i] = newCache(t, f.issuer, func(c *jwks.Config) { c.Client = &http.Client{Transport: f} })
	}
}

// run runs the replicas until the returned function is called.
func (f *fleet) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	for _, cache := range f.replicas {
		go func() { _ = cache.Run(ctx) }()
	}
	return cancel
}

func (f *fleet) publish(issuer *jwkstest.Issuer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = string(issuer.Document())
}

func (f *fleet) fail(header http.Header) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = header
}

func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.times = append(f.times, time.Now())
	status, header, body := http.StatusOK, http.Header{}, f.keys
	if f.fails != nil {
		status, header, body = http.StatusServiceUnavailable, f.fails, ""
	}
	f.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "openid-configuration") && body != "" {
		body = fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, f.issuer.URL(), f.issuer.JWKSURL())
	}
	time.Sleep(f.latency)
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// A load is the requests to the issuer per second, in a span of time.
type load struct {
	average float64
	peak    int // in one second
	total   int
}

// during returns the load in a span that begins with a call of begin.
func (f *fleet) during(span time.Duration, begin func()) load {
	synctest.Wait()
	f.mu.Lock()
	f.times = nil
	f.mu.Unlock()
	begin()
	time.Sleep(span)
	f.mu.Lock()
	defer f.mu.Unlock()
	l := load{average: float64(len(f.times)) / span.Seconds(), total: len(f.times)}
	first := 0
	for i, at := range f.times { // in order
		for at.Sub(f.times[first]) >= time.Second {
			first++
		}
		l.peak = max(l.peak, i-first+1)
	}
	return l
}

func nothing() {}

// fresh returns how many replicas have a fresh set.
func (f *fleet) fresh() (n int) {
	for _, cache := range f.replicas {
		if cache.Status().State == jwks.StateFresh {
			n++
		}
	}
	return n
}

// fetches returns how many fetches the replicas have begun.
func (f *fleet) fetches() (n int) {
	for _, cache := range f.replicas {
		n += int(cache.Status().Fetches)
	}
	return n
}

// A fleet that was told Retry-After: 10 must not come back in one second.
func TestA9RetryAfterOfAColdFleetIsSpread(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := newFleet(t, 200)
		f.latency = 0
		f.fail(http.Header{"Retry-After": {"10"}})
		stop := func() {}
		defer func() { stop() }()
		first := f.during(time.Second, func() { stop = f.run(t) })
		assert.Equal(t, 200, first.total, "the first attempts")
		assert.Zero(t, f.during(9*time.Second-time.Nanosecond, nothing).total, "none comes back before 10 s")
		wave := f.during(2*time.Second+2*time.Nanosecond, nothing)
		assert.Equal(t, 200, wave.total, "all come back within 12 s")
		assert.InDelta(t, 100, wave.peak, 35, "in any second of the two")

		f.fail(nil)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		assert.Equal(t, 200, f.fresh())
	})
}

// Each attempt of a cold replica is one request, and follows after 1 to 5 s.
func TestA10ColdFleetInAnOutage(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := newFleet(t, 1000)
		f.fail(http.Header{})
		defer f.run(t)()
		time.Sleep(10 * time.Second)
		before := f.fetches()
		steady := f.during(30*time.Second, nothing)
		assert.InDelta(t, 1000/3.05, steady.average, 15)
		assert.Less(t, steady.peak, 420)
		assert.InDelta(t, f.fetches()-before, steady.total, 1, "each attempt is one request")

		f.fail(nil)
		time.Sleep(5*time.Second + 4*issuerLatency) // one request that fails, one to an address without metadata, and two more
		synctest.Wait()
		assert.Equal(t, 1000, f.fresh(), "recovery is seen within 5 s")
	})
}

// A warm replica serves its known keys meanwhile.
func TestA10WarmFleetSeesTheEndOfAnOutageWithinFiveMinutes(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := newFleet(t, 100)
		defer f.run(t)()
		time.Sleep(time.Minute)
		f.fail(http.Header{})
		time.Sleep(2 * time.Hour)
		assert.Zero(t, f.fresh())
		f.fail(nil)
		time.Sleep(5*time.Minute + 3*issuerLatency)
		synctest.Wait()
		assert.Equal(t, 100, f.fresh())
	})
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// Issuers that are not known when the program starts, each with a key cache of its own. All have
// the same key and the same server, so that what is measured is the library's.

// A crowd is many issuers, with a token of each.
type crowd struct {
	issuers []claims.Issuer
	rows    map[string]claims.Issuer // the same, as a service would look them up
	fields  []string                 // Authorization fields
	keys    []byte                   // the document
	fetches int                      // by RoundTrip, one at a time
}

func newCrowd(base string, count int) *crowd {
	key := jwkstest.NewKey("EdDSA")
	c := &crowd{rows: make(map[string]claims.Issuer, count), keys: jwkstest.NewIssuer(jwkstest.Config{Key: key}).Document()}
	for n := range count {
		url := fmt.Sprintf("%s/%06d", base, n)
		c.rows[url] = claims.Issuer{URL: url, Audiences: []string{contender.Audience}}
		c.issuers = append(c.issuers, c.rows[url])
		header := fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q}`, key.ID)
		payload := fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"exp":%d,"scope":%q}`,
			url, contender.Subject, contender.Audience, time.Now().Unix()+86400, contender.ReadScope)
		c.fields = append(c.fields, "Bearer "+jwkstest.RawToken([]byte(header), []byte(payload), key))
	}
	return c
}

// ServeHTTP publishes the documents of all issuers.
func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	name, isDiscovery := strings.CutSuffix(r.URL.Path, "/.well-known/openid-configuration")
	if isDiscovery {
		issuer := "http://" + r.Host + name
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, issuer+"/keys")
		return
	}
	_, _ = w.Write(c.keys) // the client is gone
}

// RoundTrip answers in memory, so that the time of a request has no network in it.
func (c *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	c.fetches++
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Result(), nil
}

// A way makes a middleware that trusts the issuers of a crowd.
type way func(c *crowd, common middleware.Config) (*middleware.Middleware, error)

// replaced trusts all issuers by Replace.
func replaced(c *crowd, common middleware.Config) (*middleware.Middleware, error) {
	common.Issuers = c.issuers[:1]
	auth, err := middleware.New(common)
	if err != nil {
		return nil, err
	}
	return auth, auth.Replace(c.issuers)
}

// lookedUp finds each issuer when a token names it.
func lookedUp(c *crowd, common middleware.Config) (auth *middleware.Middleware, err error) {
	base, _, _ := strings.Cut(c.issuers[0].URL, "/000000")
	common.Tenants, err = tenants.New(tenants.Config{
		Patterns: []string{base + "/*"}, MaxTenants: len(c.rows), TTL: time.Hour,
		Lookup: func(_ context.Context, iss string) (claims.Issuer, bool, error) {
			issuer, found := c.rows[iss]
			return issuer, found, nil
		},
		Keys: jwks.Config{
			Client: common.Client, PrivateHosts: common.PrivateHosts, InsecureHTTPHosts: common.InsecureHTTPHosts, Logger: common.Logger,
		},
	})
	if err != nil {
		return nil, err
	}
	return middleware.New(common)
}

// An outlay is what one way costs.
type outlay struct {
	cold, warm       float64 // bytes of heap and stacks for each issuer, before and after its first request
	goroutines       int     // more than before, when each issuer had a request
	all, one         float64 // seconds of a Replace that changes all issuers, or one
	first, seenAgain float64 // seconds of a request
}

func measureWay(ctx context.Context, count int, trust way) (o outlay, err error) {
	if err := o.weigh(ctx, count, trust); err != nil {
		return o, err
	}
	err = o.time(ctx, count, trust)
	return o, err
}

// weigh measures memory with the library's own client, so the issuers are on loopback. Tokens are
// not remembered.
func (o *outlay) weigh(ctx context.Context, count int, trust way) error {
	server := httptest.NewUnstartedServer(nil)
	crowd := newCrowd("http://"+server.Listener.Addr().String(), count)
	server.Config.Handler = crowd
	server.Start()
	defer server.Close()
	goroutines, before := runtime.NumGoroutine(), liveMemory()
	auth, err := trust(crowd, middleware.Config{
		PrivateHosts: []string{"127.0.0.1"}, InsecureHTTPHosts: []string{"127.0.0.1"}, CacheEntries: -1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	o.cold = (liveMemory() - before) / float64(count)
	if _, err := visit(ctx, auth, crowd); err != nil {
		return err
	}
	for range 100 { // until the server has noticed that connections are closed
		if o.goroutines = max(runtime.NumGoroutine()-goroutines, 0); o.goroutines == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	o.warm = (liveMemory() - before) / float64(count)
	runtime.KeepAlive(crowd)
	runtime.KeepAlive(auth)
	return nil
}

// time measures with issuers in memory, and with room for a token of each.
func (o *outlay) time(ctx context.Context, count int, trust way) error {
	crowd := newCrowd("http://127.0.0.1", count)
	auth, err := trust(crowd, middleware.Config{
		Client: &http.Client{Transport: crowd}, PrivateHosts: []string{"127.0.0.1"}, InsecureHTTPHosts: []string{"127.0.0.1"},
		CacheEntries: 2*count + 1024, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if o.first, err = visit(ctx, auth, crowd); err != nil {
		return err
	}
	known := crowd.fetches
	if o.seenAgain, err = visit(ctx, auth, crowd); err != nil {
		return err
	}
	if crowd.fetches > known {
		return fmt.Errorf("%d documents were fetched again", crowd.fetches-known)
	}
	return o.timeReplace(auth, crowd)
}

// timeReplace measures Replace with the issuers of the crowd, and with some of them changed.
func (o *outlay) timeReplace(auth *middleware.Middleware, c *crowd) error {
	if auth.Status().Issuers == nil { // tenants are looked up
		return nil
	}
	var all, one []float64
	for n := range 5 {
		others := slices.Clone(c.issuers)
		others[0].Leeway = time.Duration(n+1) * time.Second
		taken, err := clock(func() error { return auth.Replace(others) })
		if err != nil {
			return err
		}
		one = append(one, taken)
		for i := range others {
			others[i].URL += fmt.Sprint("/", n) // none of them has a key cache
		}
		if taken, err = clock(func() error { return auth.Replace(others) }); err != nil {
			return err
		}
		all = append(all, taken)
		if err := auth.Replace(c.issuers); err != nil {
			return err
		}
	}
	o.all, o.one = median(all), median(one)
	return nil
}

// visit sends the token of each issuer once, and returns the mean seconds of a request.
func visit(ctx context.Context, auth *middleware.Middleware, c *crowd) (float64, error) {
	client := contender.NewClient(ctx, auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		contender.Timesheets(w, r, contender.Identity{Subject: c.Subject(), CanRead: true})
	})))
	taken, err := clock(func() error {
		for _, field := range c.fields {
			client.Authorize(field)
			if status := client.Do(); status != http.StatusOK {
				return fmt.Errorf("status %d", status)
			}
		}
		return nil
	})
	return taken / float64(len(c.fields)), err
}

func clock(do func() error) (float64, error) {
	start := time.Now()
	err := do()
	return time.Since(start).Seconds(), err
}

// liveMemory returns the bytes of heap and stacks after two collections. The second one frees what
// pools still keep after the first.
func liveMemory() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc + stats.StackInuse)
}

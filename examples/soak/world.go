package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	readScope  = "read:timesheets"
	writeScope = "write:timesheets"

	// cacheEntries is small for two reasons. Tokens are evicted all the time, and filling
	// the cache does not count as growth of the heap.
	cacheEntries = 1000
)

// A world is an issuer and an API, each with its own server on loopback.
type world struct {
	issuer  *jwkstest.Issuer
	apiURL  string
	client  *http.Client
	refresh time.Duration // the age at which the API refreshes its keys
	keys    atomic.Pointer[keyring]
	tally   tally
	servers []*http.Server
}

func newWorld(c config) (*world, error) {
	w := &world{
		// The timeout is longer than the 3 s for which a request may wait for keys.
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: c.workers + 1},
		},
		// One rotation with its outage takes several refresh ages, and a run of a minute
		// must see some of them.
		refresh: min(max(c.duration/60, 200*time.Millisecond), time.Second),
	}
	w.keys.Store(new(keyring))
	if err := w.start(c); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(c config) error {
	// The listener comes first, because the issuer's URL contains its address.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.issuer = jwkstest.NewIssuer(jwkstest.Config{URL: "http://" + listener.Addr().String()})
	w.serve(listener, w.issuer)

	api, err := w.newAPI()
	if err != nil {
		return err
	}
	if c.wrap != nil {
		api = c.wrap(api)
	}
	listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.apiURL = "http://" + listener.Addr().String() + "/timesheets"
	w.serve(listener, api)
	return nil
}

// newAPI returns an API with the routes of examples/timesheets/api, but without entries.
func (w *world) newAPI() (http.Handler, error) {
	silent := slog.New(slog.DiscardHandler)
	keys, err := jwks.New(jwks.Config{Issuer: w.issuer.URL(), RefreshAfter: w.refresh, Logger: silent})
	if err != nil {
		return nil, err
	}
	verifier, err := claims.NewVerifier(claims.Config{
		Issuers:      []claims.Issuer{{URL: w.issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys}},
		CacheEntries: cacheEntries,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Verifier: verifier, Logger: silent,
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, e *middleware.Error) { w.tally.refuse(e) },
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /timesheets", auth.RequireScopes(readScope)(answer(http.StatusOK)))
	mux.Handle("POST /timesheets", auth.RequireScopes(writeScope)(answer(http.StatusCreated)))
	return mux, nil
}

func answer(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := claims.FromContext(r.Context())
		w.WriteHeader(status)
		_, _ = io.WriteString(w, who.Subject()) // fails only if the caller has gone
	})
}

func (w *world) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	w.servers = append(w.servers, server)
	go func() { // ends with close
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.tally.violate("a server ended: " + err.Error())
		}
	}()
}

func (w *world) close() {
	w.client.CloseIdleConnections()
	for _, server := range w.servers {
		_ = server.Close()
	}
}

// call sends a request and returns the status and the body of the answer. The body is
// the subject of the token.
func (w *world) call(ctx context.Context, method string, authorization ...string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.apiURL, nil)
	if err != nil {
		return 0, "", err
	}
	r.Header["Authorization"] = authorization
	response, err := w.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	var body strings.Builder
	_, err = io.Copy(&body, io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, body.String(), err
}

// A usage is the memory and the number of goroutines of the process.
type usage struct {
	heap       uint64 // bytes
	goroutines int
}

// usage waits until the number of goroutines is stable and at most this, and returns the
// usage. It waits for 6 s at most, because a fetch that hangs ends after 5 s.
func (w *world) usage(most int) usage {
	w.client.CloseIdleConnections()
	before := 0
	for range 60 {
		now := runtime.NumGoroutine()
		if now == before && now <= most {
			break
		}
		before = now
		time.Sleep(100 * time.Millisecond)
	}
	runtime.GC()
	runtime.GC() // frees what the first one has finalized
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return usage{stats.HeapAlloc, runtime.NumGoroutine()}
}

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

	// cacheEntries is small, so that tokens are evicted all the time, and a cache that
	// has not been filled at the start is no growth worth mentioning.
	cacheEntries = 1000
)

// A world is an issuer and an API, each with a server of its own on loopback.
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
		// Longer than a request can take that waits for keys, which is 3 s.
		client: &http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{MaxIdleConnsPerHost: c.workers + 1},
		},
		// A minute sees some rotations and outages, each several times as long as this.
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
	// The issuer's address is part of its identity, so the listener comes first.
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

// newAPI has the routes of examples/timesheets/api, but remembers no entries.
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
		_, _ = io.WriteString(w, who.Subject()) // the caller has gone
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

// call returns the status of the answer, if there is one before ctx ends, and whose it
// says the token is.
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

// A usage is what the process holds.
type usage struct {
	heap       uint64 // bytes
	goroutines int
}

// usage waits until no more goroutines come or go, and there are at most so many, but for
// 6 s at most: a fetch that hangs is given up after 5.
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
	runtime.GC() // what the first one finalizes
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return usage{stats.HeapAlloc, runtime.NumGoroutine()}
}

package main

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShortForm(t *testing.T) {
	before := runtime.NumGoroutine()
	var out bytes.Buffer
	code := run(t.Context(), config{duration: 2 * time.Second, requests: 10_000, workers: 4}, &out)
	assert.Equal(t, 0, code, out.String())
	assert.Contains(t, out.String(), "All checks passed.")
	for _, reason := range []string{
		"400 invalid_request", "401 no bearer token", "401 signature", "401 unknown_key", "403 forbidden",
	} {
		assert.Contains(t, out.String(), reason)
	}
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second, 20*time.Millisecond,
		"no goroutine is left; one belongs to this check")
	t.Log(out.String())
}

func TestNumberOfRequestsEndsTheRun(t *testing.T) {
	c := config{duration: 12 * time.Second, requests: 50, workers: 2}
	w, err := newWorld(c)
	require.NoError(t, err)
	defer w.close()
	r := soak(t.Context(), c, w)
	assert.LessOrEqual(t, r.accepted+r.early+r.repelled+r.abandoned, int64(50))
	assert.Less(t, r.elapsed, c.duration)
	assert.Empty(t, r.problems())
}

// The checks must fail for a server that is broken.
func TestBrokenServersAreFound(t *testing.T) {
	var requests atomic.Int64
	respond := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, subject)
		})
	}
	for rule, test := range map[string]struct {
		instead func(r *http.Request) http.Handler // nil for the API's own answer
		problem string
	}{
		"forgeries are accepted": {func(r *http.Request) http.Handler {
			if strings.Contains(r.Header.Get("Authorization"), ".") {
				return respond(http.StatusOK)
			}
			return nil
		}, "a hostile request was accepted: "},
		"some good tokens are refused": {func(r *http.Request) http.Handler {
			if r.Method == http.MethodPost && requests.Add(1)%3 == 0 {
				return respond(http.StatusUnauthorized)
			}
			return nil
		}, "a good token of a known key was answered with 401"},
		"an outage hits known keys": {func(*http.Request) http.Handler {
			if requests.Add(1)%3 == 0 {
				return respond(http.StatusServiceUnavailable)
			}
			return nil
		}, "a good token of a known key was answered with 503"},
		"internal errors": {func(*http.Request) http.Handler {
			if requests.Add(1)%3 == 0 {
				return respond(http.StatusInternalServerError)
			}
			return nil
		}, "answered with 500"},
	} {
		t.Run(rule, func(t *testing.T) {
			wrap := func(api http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if handler := test.instead(r); handler != nil {
						handler.ServeHTTP(w, r)
						return
					}
					api.ServeHTTP(w, r)
				})
			}
			var out bytes.Buffer
			code := run(t.Context(), config{
				duration: 300 * time.Millisecond, requests: 2000, workers: 4, wrap: wrap,
			}, &out)
			assert.Equal(t, 1, code)
			assert.Contains(t, out.String(), test.problem)
		})
	}
}

func TestReportChecksTheMargins(t *testing.T) {
	good := report{
		accepted: 1, repelled: 1, elapsed: 20 * time.Second, refresh: time.Second,
		outages: 1, troubled: 5 * time.Second,
		fetches: 1 + 22 + 3 + 2 + 4 + 15, discoveries: 1 + 4 + 15,
		before: usage{1 << 20, 10}, after: usage{17 << 20, 18},
	}
	assert.Empty(t, good.problems(), "exactly at the margins")
	for rule, test := range map[string]struct {
		change  func(*report)
		problem string
	}{
		"one fetch too many":     {func(r *report) { r.fetches++ }, "asked for its keys 48 times, not 47"},
		"one discovery too many": {func(r *report) { r.discoveries++ }, "asked for its metadata 21 times, not 20"},
		"one byte too many":      {func(r *report) { r.after.heap++ }, "the heap grew by 16.0 MiB"},
		"one goroutine too many": {func(r *report) { r.after.goroutines++ }, "9 goroutines more"},
		"nothing good":           {func(r *report) { r.accepted = 0 }, "no good token was accepted"},
		"nothing hostile":        {func(r *report) { r.repelled = 0 }, "no hostile request was refused"},
		"a violation":            {func(r *report) { r.violations = map[string]int{"x": 2} }, "x (2 times)"},
	} {
		t.Run(rule, func(t *testing.T) {
			r := good
			test.change(&r)
			require.Len(t, r.problems(), 1)
			assert.Contains(t, r.problems()[0], test.problem)
		})
	}
}

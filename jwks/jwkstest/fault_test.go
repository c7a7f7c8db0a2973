package jwkstest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// An outcome is what a client with a timeout sees of one request.
type outcome struct {
	status  int // 0: no answer
	header  http.Header
	body    string
	err     error // of the request, or of reading the body
	elapsed time.Duration
}

func fetch(t *testing.T, client *http.Client, url string, timeout time.Duration) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return outcome{err: err, elapsed: time.Since(start)}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	return outcome{response.StatusCode, response.Header, string(body), err, time.Since(start)}
}

func TestFaultsInMemory(t *testing.T) {
	header := http.Header{"Retry-After": {"7"}}
	for _, test := range []struct {
		name   string
		fault  jwkstest.Fault
		status int
		err    error         // errors.Is
		after  time.Duration // of fake time
	}{
		{"refuse", jwkstest.Refuse(), 0, syscall.ECONNREFUSED, 0},
		{"reset", jwkstest.Reset(), 0, syscall.ECONNRESET, 0},
		{"hang", jwkstest.Hang(), 0, context.DeadlineExceeded, 10 * time.Second},
		{"delay", jwkstest.Delay(3 * time.Second), 200, nil, 3 * time.Second},
		{"delay beyond the timeout", jwkstest.Delay(time.Minute), 0, context.DeadlineExceeded, 10 * time.Second},
		{"stall", jwkstest.Stall(), 200, context.DeadlineExceeded, 10 * time.Second},
		{"truncate", jwkstest.Truncate(), 200, io.ErrUnexpectedEOF, 0},
		{"drip", jwkstest.Drip(time.Second), 200, context.DeadlineExceeded, 10 * time.Second},
		{"status", jwkstest.Respond(503, header, ""), 503, nil, 0},
		{"not modified", jwkstest.Respond(304, nil, "ignored"), 304, nil, 0},
		{"redirect loop", jwkstest.Redirect(""), 0, nil, 0},
		{"endless", jwkstest.Pad(-1), 200, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				issuer.Fail(jwkstest.JWKS, test.fault)
				got := fetch(t, issuer.Client(), issuer.JWKSURL(), 10*time.Second)
				assert.Equal(t, test.status, got.status)
				assert.Equal(t, test.after, got.elapsed)
				switch {
				case test.err != nil:
					assert.ErrorIs(t, got.err, test.err)
				case test.status == 0:
					assert.Error(t, got.err)
				default:
					assert.NoError(t, got.err)
				}
			})
		})
	}
}

func TestBodiesOfFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		good := string(issuer.Document())
		under := func(f jwkstest.Fault) outcome {
			issuer.FailNext(1, jwkstest.JWKS, f)
			return fetch(t, issuer.Client(), issuer.JWKSURL(), time.Hour)
		}

		assert.Equal(t, good[:len(good)/2], under(jwkstest.Truncate()).body)
		assert.Equal(t, good[:len(good)/2], under(jwkstest.Stall()).body)

		dripped := under(jwkstest.Drip(time.Second))
		assert.Equal(t, good, dripped.body)
		assert.Equal(t, time.Duration(len(good))*time.Second, dripped.elapsed)

		padded := under(jwkstest.Pad(600 << 10)).body
		assert.Len(t, padded, 600<<10)
		assert.Equal(t, good, strings.TrimRight(padded, " "), "still JSON")
		assert.Equal(t, good, under(jwkstest.Pad(1)).body)

		many := kids(t, under(jwkstest.ManyKeys(300)).body)
		require.Len(t, many, 301)
		assert.Equal(t, "filler-299", many[299])
		assert.Equal(t, issuer.SigningKey().ID, many[300])

		html := under(jwkstest.Respond(200, http.Header{"content-type": {"text/html"}}, "<p>"))
		assert.Equal(t, "<p>", html.body)
		assert.Equal(t, "text/html", html.header.Get("Content-Type"))

		typed := under(jwkstest.ContentType("text/plain"))
		assert.Equal(t, good, typed.body)
		assert.Equal(t, "text/plain", typed.header.Get("Content-Type"))

		assert.Equal(t, good, under(jwkstest.Redirect("http://elsewhere.test/.well-known/jwks.json")).body,
			"this client follows a redirect to any host")

		edited := under(jwkstest.Edit(map[string]any{"keys": jwkstest.Absent, "x": 1})).body
		assert.JSONEq(t, `{"x":1}`, edited)
	})
}

func TestFaultsBreakConditionalRequestsToo(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.SetCaching(jwkstest.Caching{ETag: true})
	first, _ := get(t, issuer.Client(), issuer.JWKSURL())
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.ManyKeys(2))
	response, body := get(t, issuer.Client(), issuer.JWKSURL(), "If-None-Match", first.Header.Get("ETag"))
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Len(t, kids(t, body), 3)
}

func TestFaultsAreQueued(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	status := func() int { return fetch(t, issuer.Client(), issuer.JWKSURL(), time.Minute).status }
	issuer.Fail(jwkstest.JWKS, jwkstest.Respond(503, nil, ""))
	issuer.FailNext(2, jwkstest.JWKS, jwkstest.Respond(500, nil, ""))
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.Respond(404, nil, ""))
	assert.Equal(t, []int{500, 500, 404, 503, 503}, []int{status(), status(), status(), status(), status()})

	issuer.Fail(jwkstest.JWKS, jwkstest.Respond(401, nil, ""))
	assert.Equal(t, 401, status(), "the later Fail holds")

	other := fetch(t, issuer.Client(), issuer.URL()+".well-known/openid-configuration", time.Minute)
	assert.Equal(t, 200, other.status, "other endpoints are not affected")

	issuer.Recover(jwkstest.Discovery)
	assert.Equal(t, 401, status(), "another endpoint's recovery")
	issuer.Recover(jwkstest.JWKS)
	assert.Equal(t, 200, status())

	issuer.FailNext(9, jwkstest.JWKS, jwkstest.Reset())
	issuer.Recover()
	assert.Equal(t, 200, status(), "all endpoints recover")
	assert.Equal(t, 9, issuer.Count(jwkstest.JWKS), "requests that a fault answered are counted")
}

func TestCallerDefinedFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		release := make(chan struct{})
		issuer.Fail(jwkstest.JWKS, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			<-release
			next.ServeHTTP(w, r)
		})
		results := make(chan outcome, 3)
		for range 3 {
			go func() { results <- fetch(t, issuer.Client(), issuer.JWKSURL(), time.Minute) }()
		}
		synctest.Wait()
		assert.Empty(t, results)
		assert.Equal(t, 3, issuer.Count(jwkstest.JWKS))
		close(release)
		for range 3 {
			assert.Equal(t, 200, (<-results).status)
		}
	})
}

func TestFaultsOfTheTokenEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
		issuer.FailNext(1, jwkstest.TokenEndpoint, jwkstest.Delay(time.Second))
		r := asForm(credentials())
		r.RequestURI = ""
		start := time.Now()
		response, err := issuer.Client().Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestMisusedFaultsPanic(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.Fail("", jwkstest.Edit(nil))
	issuer.Fail(jwkstest.Discovery, jwkstest.ManyKeys(1))
	for _, path := range []string{"/nowhere", "/.well-known/openid-configuration"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		assert.Panics(t, func() { issuer.ServeHTTP(httptest.NewRecorder(), r) }, path)
	}
}

// connectionReset is the error of a connection that the peer has reset. Windows reports
// WSAECONNRESET, which is not syscall.ECONNRESET.
func connectionReset() error {
	if runtime.GOOS == "windows" {
		return syscall.Errno(10054)
	}
	return syscall.ECONNRESET
}

// Over a socket, every fault looks as it does in memory, except a refused connection.
func TestFaultsOverASocket(t *testing.T) {
	const (
		impatient = time.Second // for a fault that never answers
		patient   = time.Minute // longer than a busy machine needs for an answer
	)
	for _, test := range []struct {
		name    string
		fault   jwkstest.Fault
		timeout time.Duration
		rest    time.Duration // after which the client leaves, counted from the header of the answer
		status  int
		err     error
	}{
		{"refuse", jwkstest.Refuse(), patient, patient, 0, connectionReset()},
		{"reset", jwkstest.Reset(), patient, patient, 0, connectionReset()},
		{"hang", jwkstest.Hang(), impatient, patient, 0, context.DeadlineExceeded},
		{"stall", jwkstest.Stall(), patient, impatient, 200, context.Canceled},
		{"truncate", jwkstest.Truncate(), patient, patient, 200, nil},
		{"drip", jwkstest.Drip(time.Minute), patient, impatient, 200, context.Canceled},
		{"endless", jwkstest.Pad(-1), patient, patient, 200, nil},
		{"status", jwkstest.Respond(429, http.Header{"Retry-After": {"1"}}, ""), patient, patient, 429, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // three of them wait for the client to leave
			server := httptest.NewUnstartedServer(nil)
			issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://" + server.Listener.Addr().String()})
			server.Config.Handler = issuer
			server.StartTLS()
			defer server.Close()
			issuer.Fail(jwkstest.JWKS, test.fault)
			got := fetch(t, leavingAfter(server.Client(), test.rest), issuer.JWKSURL(), test.timeout)
			assert.Equal(t, test.status, got.status)
			if test.err != nil {
				assert.ErrorIs(t, got.err, test.err)
			}
			if test.name == "truncate" {
				assert.Error(t, got.err, "shorter than declared")
			}
		})
	}
}

// leavingAfter makes a client give up an answer some time after its header came.
func leavingAfter(client *http.Client, rest time.Duration) *http.Client {
	next := client.Transport
	client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		ctx, leave := context.WithCancel(r.Context()) // which has a timeout, so nothing is left behind
		response, err := next.RoundTrip(r.WithContext(ctx))
		time.AfterFunc(rest, leave)
		return response, err
	})
	return client
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server notices that its client has gone only after the whole request body was read.
func TestHangOverASocketEndsWithItsClient(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.Fail(jwkstest.TokenEndpoint, jwkstest.Hang())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		cancel() // the client leaves once the handler has its request
		issuer.ServeHTTP(w, r)
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/oauth/token", strings.NewReader("{}"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	_, err = server.Client().Do(request)
	require.ErrorIs(t, err, context.Canceled)
	<-ended
}

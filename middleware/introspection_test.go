package middleware_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// An introspecting is an introspection endpoint for which one token is active.
type introspecting struct {
	status  atomic.Int32 // 200 if not set
	revoked atomic.Bool
	asked   atomic.Int32
	cnf     string // of the token, or ""
}

const activeToken = "at_an-opaque-token"

func (s *introspecting) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	answer := `{"active":false}`
	if form.Get("token") == activeToken && !s.revoked.Load() {
		cnf := ""
		if s.cnf != "" {
			cnf = `"token_type":"DPoP","cnf":` + s.cnf + `,`
		}
		answer = `{"active":true,` + cnf + `"aud":"https://api.example","sub":"alice","scope":"read","exp":` +
			strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10) + `}`
	}
	status := int(s.status.Load())
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// newOpaque returns a Middleware for the opaque tokens of one issuer.
func newOpaque(t *testing.T, s *introspecting, edits ...func(*introspection.Config)) *middleware.Middleware {
	t.Helper()
	config := introspection.Config{
		Endpoint: "https://issuer.example/introspect", ClientID: "api", ClientSecret: []byte("secret"),
		Client: &http.Client{Transport: s}, Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	opaque, err := introspection.New(config)
	require.NoError(t, err)
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{URL: "https://issuer.example/", Audiences: []string{"https://api.example"}, Opaque: opaque}},
		Logger:  slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return auth
}

func callWith(h http.Handler, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswersToOpaqueTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(introspecting)
		auth := newOpaque(t, s)
		for _, tc := range []struct {
			rule, token string
			scope       string
			status      int
			code        string
			asked       int32
		}{
			{"active", activeToken, "read", 200, "", 1},
			{"without the scope of the route", activeToken, "write", 403, "insufficient_scope", 0},
			{"not active", "at_another-opaque-token", "read", 401, "invalid_token", 1},
			{"too short", "at_short", "read", 401, "invalid_token", 0},
			{"no b64token", "at_an opaque token", "read", 400, "invalid_request", 0},
			{"no b64token, of the right length", "at_an-opaque-token\x7f", "read", 400, "invalid_request", 0},
			{"looks like a JWT", "eyJhbGciOiJub25lIn0.e30.", "read", 401, "invalid_token", 0},
			{"looks like a JWE", "eyJhbGciOiJkaXIifQ..a.b.c", "read", 401, "invalid_token", 0},
		} {
			before := s.asked.Load()
			w := callWith(auth.RequireScopes(tc.scope)(whoami), tc.token)
			assert.Equal(t, tc.status, w.Code, tc.rule)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), tc.code, tc.rule)
			assert.Equal(t, tc.asked, s.asked.Load()-before, tc.rule)
		}
		assert.NoError(t, auth.Ready(t.Context()), "there are no keys to wait for")
		assert.Equal(t, "https://issuer.example/", auth.Status().Issuers[0].Issuer)
	})
}

// What is wrong between this API and the issuer is never told as a fault of the caller.
func TestFailuresOfTheEndpointAre503(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		s := new(introspecting)
		s.status.Store(int32(status))
		w := callWith(newOpaque(t, s).Handler(whoami), activeToken)
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, status)
		assert.Equal(t, "1", w.Header().Get("Retry-After"), status)
		assert.Empty(t, w.Header().Get("WWW-Authenticate"), status)
		assert.NotContains(t, w.Body.String(), "introspection", status)
	}
}

func TestDecisionsAboutOpaqueTokens(t *testing.T) {
	s := new(introspecting)
	opaque, err := introspection.New(introspection.Config{
		Endpoint: "https://issuer.example/introspect", InsecureNoAuthentication: true, Client: &http.Client{Transport: s},
	})
	require.NoError(t, err)
	var last middleware.Decision
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{URL: "https://issuer.example/", Audiences: []string{"https://api.example"}, Opaque: opaque}},
		Logger:  slog.New(slog.DiscardHandler), Observe: func(_ context.Context, d middleware.Decision) { last = d },
	})
	require.NoError(t, err)
	for _, remembered := range []bool{false, true} {
		callWith(auth.Handler(whoami), activeToken)
		assert.Equal(t, "ok", last.Outcome)
		assert.Equal(t, remembered, last.Remembered)
	}
	callWith(auth.Handler(whoami), "at_another-opaque-token")
	assert.Equal(t, "refused", last.Outcome)
	assert.Equal(t, claims.ErrRejected, last.Reason)
	assert.Equal(t, "https://issuer.example/", last.Issuer)
}

// An opaque token that is bound to a key needs the proof of each request, remembered or not.
func TestBoundOpaqueToken(t *testing.T) {
	key := jwkstest.NewKey("ES256")
	s := &introspecting{cnf: `{"jkt":"` + key.Thumbprint() + `"}`}
	opaque, err := introspection.New(introspection.Config{
		Endpoint: "https://issuer.example/introspect", InsecureNoAuthentication: true, Client: &http.Client{Transport: s},
	})
	require.NoError(t, err)
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{URL: "https://issuer.example/", Audiences: []string{"https://api.example"}, Opaque: opaque}},
		Logger:  slog.New(slog.DiscardHandler), DPoP: &dpop.Config{Origins: []string{dpopOrigin}},
	})
	require.NoError(t, err)
	other := jwkstest.NewKey("ES256")
	for _, tc := range []struct {
		rule, scheme string
		proof        string
		status       int
	}{
		{"its proof", "DPoP ", jwkstest.Proof(key, "GET", dpopOrigin+"/", activeToken, nil), 200},
		{"its proof, from memory", "DPoP ", jwkstest.Proof(key, "GET", dpopOrigin+"/", activeToken, nil), 200},
		{"no proof", "DPoP ", "", 401},
		{"as a bearer token", "Bearer ", "", 401},
		{"as a bearer token, with a proof", "Bearer ", jwkstest.Proof(key, "GET", dpopOrigin+"/", activeToken, nil), 401},
		{"a proof by another key", "DPoP ", jwkstest.Proof(other, "GET", dpopOrigin+"/", activeToken, nil), 401},
		{"a proof for another token", "DPoP ", jwkstest.Proof(key, "GET", dpopOrigin+"/", "at_another-token", nil), 401},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", tc.scheme+activeToken)
		if tc.proof != "" {
			r.Header.Set("DPoP", tc.proof)
		}
		w := httptest.NewRecorder()
		auth.Handler(whoami).ServeHTTP(w, r)
		assert.Equal(t, tc.status, w.Code, tc.rule)
	}
	assert.EqualValues(t, 1, s.asked.Load())
}

// A stream ends once its token is revoked: it is checked again every 30 seconds, and an answer is
// used for 30.
func TestStreamOfARevokedOpaqueTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(introspecting)
		auth := newOpaque(t, s)
		ended := make(chan time.Duration, 1)
		began := time.Now()
		go callWith(auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := auth.UntilExpiry(r.Context())
			defer cancel()
			<-ctx.Done()
			ended <- time.Since(began)
		})), activeToken)
		time.Sleep(time.Minute)
		s.revoked.Store(true)
		assert.LessOrEqual(t, <-ended, 2*time.Minute)
	})
}

func TestKeysOfIssuersWithOpaqueTokens(t *testing.T) {
	opaque := func(edit func(*introspection.Config)) *introspection.Introspector {
		config := introspection.Config{Endpoint: "https://issuer.example/introspect", InsecureNoAuthentication: true}
		edit(&config)
		i, err := introspection.New(config)
		require.NoError(t, err)
		return i
	}
	for _, tc := range []struct {
		rule    string
		issuer  claims.Issuer
		fetches bool
	}{
		{"opaque tokens only", claims.Issuer{Opaque: opaque(func(*introspection.Config) {})}, false},
		{"also JWTs", claims.Issuer{Opaque: opaque(func(c *introspection.Config) { c.AlsoJWT = true })}, true},
		{"only JWTs", claims.Issuer{Opaque: opaque(func(c *introspection.Config) { c.OnlyJWT = true })}, true},
		{"an address of keys", claims.Issuer{Opaque: opaque(func(*introspection.Config) {}), JWKSURL: "https://issuer.example/keys"}, true},
		{"no opaque tokens", claims.Issuer{}, true},
	} {
		tc.issuer.URL, tc.issuer.Audiences = "https://issuer.example/", []string{"https://api.example"}
		auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{tc.issuer}})
		require.NoError(t, err, tc.rule)
		assert.Equal(t, tc.fetches, auth.Status().Issuers[0].State != "", tc.rule)
	}
	_, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL: "https://issuer.example/", Audiences: []string{"https://api.example"}, Opaque: (*introspection.Introspector)(nil),
	}}})
	require.ErrorContains(t, err, "Opaque is a nil pointer")
}

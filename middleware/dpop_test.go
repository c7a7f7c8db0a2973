package middleware_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const dpopOrigin = "https://api.example.test"

// A dpopBench is an API that accepts bound tokens, and a client with a key.
type dpopBench struct {
	issuer *jwkstest.Issuer
	auth   *middleware.Middleware
	key    jwkstest.Key
	token  string // bound to key
	seen   observer
}

func newDPoPBench(t testing.TB, config dpop.Config, edits ...func(*middleware.Config)) *dpopBench {
	t.Helper()
	b := &dpopBench{issuer: jwkstest.NewIssuer(jwkstest.Config{}), key: jwkstest.NewKey("ES256")}
	config.Origins = []string{dpopOrigin}
	b.token = b.bound(b.key, nil)
	b.auth = trusting(t, b.issuer, append([]func(*middleware.Config){b.seen.attach, func(c *middleware.Config) {
		c.DPoP, c.Resource = &config, "https://api.example.test/"
	}}, edits...)...)
	return b
}

// bound returns a token that is bound to the key, with changes.
func (b *dpopBench) bound(key jwkstest.Key, changes map[string]any) string {
	all := map[string]any{"scope": "read:example", "cnf": map[string]any{"jkt": key.Thumbprint()}}
	maps.Copy(all, changes)
	return b.issuer.Token(all)
}

func (b *dpopBench) proof(changes map[string]any) string {
	return jwkstest.Proof(b.key, "GET", dpopOrigin+"/orders", b.token, changes)
}

// request returns GET /orders with these fields.
func (b *dpopBench) request(authorization string, proofs ...string) *http.Request {
	r := httptest.NewRequest("GET", "/orders", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return r
}

// send returns the status, and the challenges without what is equal in all.
func (b *dpopBench) send(h http.Handler, r *http.Request) (*httptest.ResponseRecorder, []string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var challenges []string
	for _, c := range w.Header()["Www-Authenticate"] {
		c = strings.ReplaceAll(c, ` realm="api"`, "")
		c = strings.ReplaceAll(c, `, resource_metadata="https://api.example.test/.well-known/oauth-protected-resource"`, "")
		c = strings.ReplaceAll(c, `, algs="ES256 ES384 ES512 EdDSA Ed25519 PS256 PS384 PS512 RS256"`, " algs")
		if before, rest, found := strings.Cut(c, `, error_description="`); found {
			_, after, _ := strings.Cut(rest, `"`)
			c = before + after
		}
		challenges = append(challenges, c)
	}
	return w, challenges
}

func secret() []byte { return []byte("a secret of thirty-two bytes, ok") }

// The numbers are those of the rules for DPoP in the table of standards. RFC 9449 section 7.1, and
// our own rule: a proof or nonce error carries one challenge alone.
func TestDPoPAnswers(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{})
	required := newDPoPBench(t, dpop.Config{Required: true})
	other := jwkstest.NewKey("ES256")
	used := b.proof(nil)
	for _, tt := range []struct {
		rule   string
		b      *dpopBench
		r      *http.Request
		status int
		want   []string
	}{
		{"7.15 no token", b, b.request(""), 401, []string{`Bearer, scope="read:example"`, `DPoP, scope="read:example" algs`}},
		{"7.15 no token, bound ones are required", required, b.request(""), 401, []string{`DPoP, scope="read:example" algs`}},
		{"bound token with its proof", b, b.request("DPoP "+b.token, used), 200, nil},
		{"7.14 scheme in lower case (RFC 9110 section 11.1)", b, b.request("dpop "+b.token, b.proof(nil)), 200, nil},
		{"7.9 the same proof again", b, b.request("DPoP "+b.token, used), 401, []string{`DPoP, error="invalid_dpop_proof", scope="read:example" algs`}},
		{"7.12 no proof", b, b.request("DPoP " + b.token), 401, []string{`DPoP, error="invalid_dpop_proof", scope="read:example" algs`}},
		{
			"7.1 two proofs (RFC 9449 section 4.3)", b, b.request("DPoP "+b.token, b.proof(nil), b.proof(nil)), 401,
			[]string{`DPoP, error="invalid_dpop_proof", scope="read:example" algs`},
		},
		{
			"7.5 proof for another method", b, b.request("DPoP "+b.token, b.proof(map[string]any{"htm": "POST"})), 401,
			[]string{`DPoP, error="invalid_dpop_proof", scope="read:example" algs`},
		},
		{
			"7.13 bound token as bearer token (RFC 9449 section 7.2)", b, b.request("Bearer "+b.token, b.proof(nil)), 401,
			[]string{`DPoP, error="invalid_token", scope="read:example" algs`},
		},
		{
			"7.12 unbound token with the scheme DPoP (RFC 9449 section 7.1)", b, b.request("DPoP "+b.issuer.Token(nil), b.proof(nil)), 401,
			[]string{`DPoP, error="invalid_token", scope="read:example" algs`},
		},
		{
			"7.11 proof by another key", b, b.request("DPoP "+b.token, jwkstest.Proof(other, "GET", dpopOrigin+"/orders", b.token, nil)), 401,
			[]string{`DPoP, error="invalid_token", scope="read:example" algs`},
		},
		{
			"7.7 forged Host and X-Forwarded-Host", b, forwarded(b.request("DPoP "+b.token, jwkstest.Proof(b.key, "GET", "https://evil.example/orders", b.token, nil))), 401,
			[]string{`DPoP, error="invalid_dpop_proof", scope="read:example" algs`},
		},
		{"unbound bearer token, and a stray proof", b, b.request("Bearer "+b.issuer.Token(nil), b.proof(nil)), 200, nil},
		{
			"unbound bearer token where bound ones are required", required, b.request("Bearer " + required.issuer.Token(nil)), 401,
			[]string{`DPoP, error="invalid_token", scope="read:example" algs`},
		},
		{
			"an expired token says so, whatever its proof", b, b.request("DPoP "+b.bound(b.key, map[string]any{"exp": 1}), "junk"), 401,
			[]string{`DPoP, error="invalid_token", scope="read:example" algs`},
		},
		{
			"a bad bearer token", b, b.request("Bearer " + b.issuer.Token(map[string]any{"exp": 1})), 401,
			[]string{`Bearer, error="invalid_token", scope="read:example"`},
		},
		{"only the scheme", b, b.request("DPoP"), 400, []string{`DPoP, error="invalid_request" algs`}},
		{"two Authorization fields", b, twoFields(b.request("DPoP "+b.token, b.proof(nil))), 400, []string{`Bearer, error="invalid_request"`}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			w, challenges := tt.b.send(tt.b.auth.RequireScopes("read:example")(whoami), tt.r)
			assert.Equal(t, tt.status, w.Code, w.Body.String())
			assert.Equal(t, tt.want, challenges)
			assert.Empty(t, w.Header().Get("DPoP-Nonce"))
		})
	}
	t.Run("a scope is missing", func(t *testing.T) {
		w, challenges := b.send(b.auth.RequireScopes("write:example")(whoami), b.request("DPoP "+b.token, b.proof(nil)))
		assert.Equal(t, 403, w.Code)
		assert.Equal(t, []string{`DPoP, error="insufficient_scope", scope="write:example" algs`}, challenges)
	})
	t.Run("a scope is missing in the handler", func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.auth.Refuse(w, r, middleware.Authorize(r.Context(), middleware.AllScopes("write:example")))
		})
		w, challenges := b.send(b.auth.Handler(h), b.request("DPoP "+b.token, b.proof(nil)))
		assert.Equal(t, 403, w.Code)
		assert.Equal(t, []string{`DPoP, error="insufficient_scope", scope="write:example" algs`}, challenges)
	})
}

// An error of the application has no scheme. The answer has the challenge of the scheme that the
// request came with (RFC 9449 section 7.1), and the error stays as it is.
func TestDPoPRefusalOfTheApplication(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{})
	shared := &middleware.Error{Status: 403, Code: "insufficient_scope", Reason: claims.ErrForbidden}
	for _, tt := range []struct {
		name string
		err  error
		dpop []string // the challenges if the request came with the scheme DPoP
		want []string // and with the scheme Bearer
	}{
		{"reason", claims.ErrExpired, []string{`DPoP, error="invalid_token" algs`}, []string{`Bearer, error="invalid_token"`}},
		{"shared", shared, []string{`DPoP, error="insufficient_scope" algs`}, []string{`Bearer, error="insufficient_scope"`}},
		{"wrapped", fmt.Errorf("order: %w", shared), []string{`DPoP, error="insufficient_scope" algs`}, []string{`Bearer, error="insufficient_scope"`}},
		{"no token", middleware.ErrNoToken, []string{"Bearer", "DPoP algs"}, []string{"Bearer", "DPoP algs"}},
	} {
		refuse := func(w http.ResponseWriter, r *http.Request) { b.auth.Refuse(w, r, tt.err) }
		write := func(w http.ResponseWriter, r *http.Request) { b.auth.WriteError(w, r, tt.err) }
		for name, h := range map[string]http.HandlerFunc{"Refuse": refuse, "WriteError": write} {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				_, challenges := b.send(b.auth.Handler(h), b.request("DPoP "+b.token, b.proof(nil)))
				assert.Equal(t, tt.dpop, challenges)
				_, challenges = b.send(b.auth.Handler(h), b.request("Bearer "+b.issuer.Token(nil)))
				assert.Equal(t, tt.want, challenges)
				assert.Empty(t, shared.Scheme)
			})
		}
	}
	t.Run("ErrorHandler", func(t *testing.T) {
		b := newDPoPBench(t, dpop.Config{}, func(c *middleware.Config) {
			c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) { w.WriteHeader(e.Status) }
		})
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.auth.Refuse(w, r, shared) })
		_, challenges := b.send(b.auth.Handler(h), b.request("DPoP "+b.token, b.proof(nil)))
		assert.Equal(t, []string{`DPoP, error="insufficient_scope" algs`}, challenges)
		assert.Empty(t, shared.Scheme)
	})
}

// forwarded returns a request whose sender says that it was for another host.
func forwarded(r *http.Request) *http.Request {
	r.Host = "evil.example"
	for name, value := range map[string]string{
		"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example;proto=https",
	} {
		r.Header.Set(name, value)
	}
	return r
}

func twoFields(r *http.Request) *http.Request {
	r.Header["Authorization"] = append(r.Header["Authorization"], r.Header["Authorization"]...)
	return r
}

func TestDPoPWithoutItsConfig(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{}, func(c *middleware.Config) { c.DPoP = nil })
	_, challenges := b.send(b.auth.Handler(whoami), b.request("DPoP "+b.token, b.proof(nil)))
	assert.Equal(t, []string{"Bearer"}, challenges, "another scheme is no token")
	_, challenges = b.send(b.auth.Handler(whoami), b.request("Bearer "+b.token, b.proof(nil)))
	assert.Equal(t, []string{`Bearer, error="invalid_token"`}, challenges)

	_, err := middleware.New(middleware.Config{Verifier: accepting(t, `{}`), DPoP: &dpop.Config{}})
	require.ErrorContains(t, err, "middleware: invalid Config.DPoP: dpop: invalid Config.Origins")
}

func TestDPoPDecisions(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{})
	used := b.proof(nil)
	for _, r := range []*http.Request{
		b.request("DPoP "+b.token, used), b.request("DPoP "+b.token, used), b.request("Bearer " + b.token), b.request("DPoP x"),
	} {
		b.send(b.auth.Handler(whoami), r)
	}
	var got []string
	for _, d := range b.seen.seen {
		got = append(got, d.Scheme+" "+d.Outcome+" "+string(d.Reason))
	}
	assert.Equal(t, []string{"DPoP ok ", "DPoP refused replay", "Bearer refused confirmation", "DPoP refused malformed"}, got)
}

// A Middleware around a router and on a route must not take its own proof for a replay. Anything
// else is verified afresh.
func TestDPoPInNestedLayers(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{})
	inner := b.auth.RequireScopes("read:example")(whoami)
	outer := func(edit func(r *http.Request) *http.Request) http.Handler {
		return b.auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, edit(r)) }))
	}
	for _, tt := range []struct {
		rule   string
		edit   func(r *http.Request) *http.Request
		status int
	}{
		{"the same request", func(r *http.Request) *http.Request { return r }, 200},
		{"under http.StripPrefix", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.URL.Path = "/"
			return r
		}, 200},
		{"another proof that is good", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Header.Set("DPoP", b.proof(nil))
			return r
		}, 200},
		{"another proof that is bad", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Header.Set("DPoP", "junk")
			return r
		}, 401},
		{"no proof", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Header.Del("DPoP")
			return r
		}, 401},
		{"another method", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Method = "POST"
			return r
		}, 401},
		{"another target", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.RequestURI = "/other"
			return r
		}, 401},
		{"another token", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "DPoP "+b.bound(b.key, map[string]any{"sub": "bob"}))
			return r
		}, 401},
		{"the same token with the scheme Bearer", func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer "+b.token)
			return r
		}, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			w, _ := b.send(outer(tt.edit), b.request("DPoP "+b.token, b.proof(nil)))
			assert.Equal(t, tt.status, w.Code, w.Body.String())
		})
	}
}

func TestDPoPNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newDPoPBench(t, dpop.Config{Nonces: &dpop.Nonces{Secrets: [][]byte{secret()}}})
		h := b.auth.Handler(whoami)
		late := map[string]any{"iat": time.Now().Add(10 * time.Minute).Unix()}
		w, challenges := b.send(h, b.request("DPoP "+b.token, b.proof(late)))
		assert.Equal(t, 401, w.Code)
		assert.Equal(t, []string{`DPoP, error="use_dpop_nonce" algs`}, challenges)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		nonce := w.Header().Get("DPoP-Nonce")
		require.NotEmpty(t, nonce)

		late["nonce"] = nonce
		w, _ = b.send(h, b.request("DPoP "+b.token, b.proof(late)))
		assert.Equal(t, 200, w.Code, "a client whose clock is wrong: %s", w.Body.String())
		assert.Empty(t, w.Header().Get("DPoP-Nonce"), "its nonce is the newest one")

		time.Sleep(time.Minute)
		w, _ = b.send(h, b.request("DPoP "+b.token, b.proof(late)))
		assert.Equal(t, 200, w.Code)
		assert.NotEmpty(t, w.Header().Get("DPoP-Nonce"), "saves the round trip")
		assert.NotEqual(t, nonce, w.Header().Get("DPoP-Nonce"))
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))

		time.Sleep(2 * time.Minute)
		w, challenges = b.send(h, b.request("DPoP "+b.token, b.proof(late)))
		assert.Equal(t, 401, w.Code)
		assert.Equal(t, []string{`DPoP, error="use_dpop_nonce" algs`}, challenges)
	})
}

type brokenStore struct{}

func (brokenStore) Use(context.Context, [32]byte, [32]byte, time.Time) (bool, error) {
	return false, &claims.UnavailableError{RetryAfter: 7 * time.Second, Err: errors.New("a text of the store")}
}

// An outage of the store says nothing about the token or its proof.
func TestDPoPStoreUnavailable(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{Replays: brokenStore{}})
	w, challenges := b.send(b.auth.Handler(whoami), b.request("DPoP "+b.token, b.proof(nil)))
	assert.Equal(t, 503, w.Code)
	assert.Empty(t, challenges)
	assert.Equal(t, "7", w.Header().Get("Retry-After"))
	assert.NotContains(t, w.Body.String(), "a text")
	assert.Equal(t, []string{"unavailable unavailable"}, b.seen.take())
}

// The token of a stream is verified again, and its proof is not: it would be a replay.
func TestDPoPStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newDPoPBench(t, dpop.Config{})
		b.token = b.bound(b.key, map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		ended := time.Duration(0)
		w, _ := b.send(b.auth.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			ctx, stop := b.auth.UntilExpiry(r.Context())
			defer stop()
			<-ctx.Done()
			ended = time.Since(begin)
		})), b.request("DPoP "+b.token, b.proof(nil)))
		assert.Equal(t, 200, w.Code)
		assert.Equal(t, time.Hour+5*time.Second, ended)
	})
}

// Rule 7.17 (RFC 9728 section 2).
func TestDPoPMetadata(t *testing.T) {
	for _, required := range []bool{false, true} {
		b := newDPoPBench(t, dpop.Config{Required: required, Algorithms: []string{"ES256", "EdDSA"}})
		h, err := b.auth.ResourceMetadata()
		require.NoError(t, err)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/oauth-protected-resource", nil))
		assert.Contains(t, w.Body.String(), `"dpop_signing_alg_values_supported":["ES256","EdDSA"]`)
		assert.Equal(t, required, strings.Contains(w.Body.String(), `"dpop_bound_access_tokens_required":true`))
	}
}

// The log has the check that failed, and nothing of the proof.
func TestDPoPLog(t *testing.T) {
	var out lockedText
	b := newDPoPBench(t, dpop.Config{}, func(c *middleware.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	proof := b.proof(map[string]any{"htm": "STRANGE"})
	b.send(b.auth.Handler(whoami), b.request("DPoP "+b.token, proof))
	assert.Contains(t, out.String(), `error=invalid_dpop_proof reason=proof issuer=`+b.issuer.URL()+` detail="htm is not the method of the request"`)
	assert.NotContains(t, out.String(), "STRANGE")
	payload := strings.Split(proof, ".")[1]
	assert.NotContains(t, out.String(), payload)
	_, err := base64.RawURLEncoding.DecodeString(payload)
	require.NoError(t, err)
}

// A lockedText can be written by the fetch of the keys, too.
type lockedText struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lockedText) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

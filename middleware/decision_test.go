package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// An observer keeps the decisions of a Middleware.
type observer struct {
	mu   sync.Mutex // guards seen
	seen []middleware.Decision
}

func (o *observer) observe(_ context.Context, d middleware.Decision) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, d)
}

// take returns the decisions since the last take, in short.
func (o *observer) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var short []string
	for _, d := range o.seen {
		text := d.Outcome
		if d.Reason != "" {
			text += " " + string(d.Reason)
		}
		if d.Scheme == "" {
			text += ", no scheme"
		}
		if d.Remembered {
			text += ", remembered"
		}
		if d.Nested {
			text += ", nested"
		}
		short = append(short, text)
	}
	o.seen = nil
	return short
}

func (o *observer) attach(c *middleware.Config) { c.Observe = o.observe }

func TestEachDecisionIsObservedOnce(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	var seen observer
	auth := trusting(t, issuer, seen.attach)
	read := auth.RequireScopes("read:example")
	good := "Bearer " + issuer.Token(map[string]any{"scope": "read:example"})
	weak := "Bearer " + issuer.Token(map[string]any{"scope": "other"})
	deny := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return claims.ErrForbidden })
	asking := middleware.PolicyFunc(func(ctx context.Context, _ *claims.Claims) error {
		return middleware.Authorize(ctx, middleware.AllScopes("write:example"))
	})
	refusing := func(policies ...middleware.Policy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := middleware.Authorize(r.Context(), policies...); err != nil {
				auth.Refuse(w, r, err)
				return
			}
			whoami(w, r)
		})
	}
	demanding := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := claims.FromContext(r.Context()); !ok {
			auth.Refuse(w, r, middleware.ErrNoToken)
		}
	})
	for _, tt := range []struct {
		rule   string
		h      http.Handler
		fields []string
		want   []string
	}{
		{"first sight", auth.Handler(whoami), []string{good}, []string{"ok"}},
		{"seen before", auth.Handler(whoami), []string{good}, []string{"ok, remembered"}},
		{"no token", read(whoami), nil, []string{"missing, no scheme"}},
		{"another scheme", read(whoami), []string{"Basic eDp5"}, []string{"missing, no scheme"}},
		{"malformed", read(whoami), []string{"Bearer"}, []string{"refused"}},
		{"two fields", read(whoami), []string{good, good}, []string{"refused, no scheme"}},
		{"opaque token", read(whoami), []string{"Bearer opaque"}, []string{"refused malformed"}},
		{"scope missing, first sight", read(whoami), []string{weak}, []string{"forbidden forbidden"}},
		{"scope missing", read(whoami), []string{weak}, []string{"forbidden forbidden, remembered"}},
		{"optional, without a token", auth.Optional(whoami), nil, []string{"ok, no scheme"}},
		{"optional, with a token", auth.Optional(whoami), []string{good}, []string{"ok, remembered"}},
		{"optional, with a bad token", auth.Optional(whoami), []string{"Bearer x"}, []string{"refused malformed"}},
		{
			"two layers", auth.Handler(read(whoami)),
			[]string{good},
			[]string{"ok, remembered", "ok, remembered, nested"},
		},
		{
			"refused by the inner layer", auth.Handler(read(whoami)),
			[]string{weak},
			[]string{"ok, remembered", "forbidden forbidden, remembered, nested"},
		},
		{
			"an optional layer around", auth.Optional(read(whoami)), nil,
			[]string{"ok, no scheme", "missing, no scheme, nested"},
		},
		{
			"Authorize allows", auth.Handler(refusing(middleware.AllScopes("read:example"))),
			[]string{good},
			[]string{"ok, remembered", "ok, remembered, nested"},
		},
		{
			"Authorize denies, and Refuse answers", auth.Handler(refusing(deny)),
			[]string{good},
			[]string{"ok, remembered", "forbidden forbidden, remembered, nested"},
		},
		{
			"Refuse with an error of its own", auth.Optional(demanding), nil,
			[]string{"ok, no scheme", "missing, no scheme, nested"},
		},
		{"Refuse on a route that is not protected", demanding, nil, []string{"missing, no scheme"}},
		{"Refuse there, of a request with a token", demanding, []string{good}, []string{"missing"}},
		{
			"Authorize within a policy is part of the decision", auth.Require(asking)(whoami),
			[]string{good},
			[]string{"forbidden forbidden, remembered"},
		},
		{
			"Authorize within Any", auth.Require(middleware.Any(asking, middleware.AllScopes("read:example")))(whoami),
			[]string{good},
			[]string{"ok, remembered"},
		},
		{
			"Authorize within a policy of Authorize", auth.Handler(refusing(asking)),
			[]string{good},
			[]string{"ok, remembered", "forbidden forbidden, remembered, nested"},
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			tt.h.ServeHTTP(httptest.NewRecorder(), get(tt.fields...))
			assert.Equal(t, tt.want, seen.take())
		})
	}
}

func TestDecisionOfAcceptedRequests(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	var seen observer
	auth := trusting(t, issuer, seen.attach)
	auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), bearer(issuer.Token(map[string]any{"sub": "alice"})))
	require.Len(t, seen.seen, 1)
	d := seen.seen[0]
	assert.Equal(t, issuer.URL(), d.Issuer)
	assert.Equal(t, "alice", d.Claims.Subject())
	assert.Equal(t, "Bearer", d.Scheme)
	assert.Equal(t, "http", d.Transport)
	assert.Nil(t, d.Error)
	assert.Zero(t, d.Duration, "it is measured only if it is asked for")
}

// The issuer of a Decision is a configured one, whatever a token says.
func TestDecisionNamesConfiguredIssuersOnly(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	var seen observer
	auth := trusting(t, issuer, seen.attach)
	for rule, tt := range map[string]struct{ token, want string }{
		"unknown issuer":   {issuer.Token(map[string]any{"iss": "https://evil.example/"}), ""},
		"without iss":      {issuer.Token(map[string]any{"iss": jwkstest.Absent}), ""},
		"another audience": {issuer.Token(map[string]any{"aud": "https://evil.example/"}), issuer.URL()},
		"forged":           {jwkstest.TamperSignature(issuer.Token(nil)), issuer.URL()},
		"junk":             {"a.b.c", ""},
	} {
		auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), bearer(tt.token))
		d := seen.seen[len(seen.seen)-1]
		assert.Equal(t, tt.want, d.Issuer, rule)
		assert.Nil(t, d.Claims, rule)
		assert.ErrorIs(t, d.Error, d.Reason, rule)
	}

	// The claims of a Verifier of the application can have any iss.
	auth = newAuth(t, accepting(t, `{"iss":"https://any.example/"}`), seen.attach)
	auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Empty(t, seen.seen[len(seen.seen)-1].Issuer)
}

// Another Middleware has let the request through: for this one it is the first decision.
func TestDecisionsOfTwoMiddlewares(t *testing.T) {
	var outer, inner observer
	c := accepting(t, `{"sub":"alice"}`)
	h := newAuth(t, c, outer.attach).Handler(newAuth(t, c, inner.attach).Handler(whoami))
	h.ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, []string{"ok"}, outer.take())
	assert.Equal(t, []string{"ok"}, inner.take())
}

func TestDecisionDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := verifierFunc(func(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
			time.Sleep(time.Second)
			return nil, claims.ErrSignature
		})
		var seen observer
		auth := newAuth(t, slow, seen.attach, func(c *middleware.Config) { c.ObserveDuration = true })
		auth.Handler(whoami).ServeHTTP(httptest.NewRecorder(), get("Bearer x"))
		assert.Equal(t, time.Second, seen.seen[0].Duration)
	})
	_, err := middleware.New(middleware.Config{Verifier: accepting(t, `{}`), ObserveDuration: true})
	require.EqualError(t, err, "middleware: invalid Config.ObserveDuration: it has no effect without Observe")
}

// A stream that ends because its token was revoked is one more decision. The checks before are
// none, and neither is the end of a token at its exp.
func TestTheEndOfAStreamIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Bool
		c := claimsOf(t, `{"sub":"alice"}`)
		v := verifierFunc(func(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
			if revoked.Load() {
				return nil, claims.ErrRevoked
			}
			return c, nil
		})
		var seen observer
		auth := newAuth(t, v, seen.attach)
		auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, stop := auth.UntilExpiry(r.Context())
			defer stop()
			time.Sleep(time.Minute)
			revoked.Store(true)
			<-ctx.Done()
			auth.Refuse(w, r, context.Cause(ctx))
		})).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
		assert.Equal(t, []string{"ok", "refused revoked, nested"}, seen.take())
	})
}

// An observer sees what is decided, and does not take part in it.
func TestObserveIsNotAskedForClaims(t *testing.T) {
	denied := errors.New("denied")
	var got middleware.Decision
	auth := newAuth(t, accepting(t, `{"sub":"alice"}`), func(c *middleware.Config) {
		c.Observe = func(ctx context.Context, d middleware.Decision) {
			_, known := claims.FromContext(ctx)
			assert.False(t, known, "ctx is that of the request as it came")
			got = d
		}
	})
	policy := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return denied })
	auth.Require(policy)(whoami).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, "forbidden", got.Outcome)
	assert.Equal(t, "alice", got.Claims.Subject(), "an audit can tell who was denied")
	assert.ErrorIs(t, got.Error, denied)
}

func TestObserveAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
	decisions := 0
	count := func(c *middleware.Config) {
		c.Observe = func(_ context.Context, d middleware.Decision) {
			if d.Outcome != "" {
				decisions++
			}
		}
	}
	for rule, token := range map[string]string{
		"seen before": issuer.Token(nil), "expired": issuer.Token(map[string]any{"exp": 1}), "junk": "x",
		"forbidden": issuer.Token(map[string]any{"scope": "other"}),
	} {
		t.Run(rule, func(t *testing.T) {
			plain := allocationsOf(trusting(t, issuer).RequireScopes("read:example")(done), token)
			observed := allocationsOf(trusting(t, issuer, count).RequireScopes("read:example")(done), token)
			assert.Equal(t, plain, observed)
		})
	}
	assert.Positive(t, decisions)
}

func BenchmarkObserve(b *testing.B) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
	decisions := 0
	for name, edit := range map[string]func(*middleware.Config){
		"none":  func(*middleware.Config) {},
		"count": func(c *middleware.Config) { c.Observe = func(context.Context, middleware.Decision) { decisions++ } },
		"count and duration": func(c *middleware.Config) {
			c.Observe, c.ObserveDuration = func(context.Context, middleware.Decision) { decisions++ }, true
		},
	} {
		b.Run(name, func(b *testing.B) {
			h := trusting(b, issuer, edit).RequireScopes("read:example")(done)
			r, w := bearer(issuer.Token(nil)), sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

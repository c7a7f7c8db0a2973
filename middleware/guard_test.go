package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A bank accepts the tokens for which it has claims, and counts calls.
type bank struct {
	claims map[string]*claims.Claims
	asked  int
}

func (b *bank) Verify(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
	b.asked++
	if c, ok := b.claims[token]; ok {
		return c, nil
	}
	return nil, claims.ErrSignature
}

func newBank(t *testing.T) *bank {
	return &bank{claims: map[string]*claims.Claims{
		"alice": claimsOf(t, `{"sub":"alice","scope":"a"}`),
		"bob":   claimsOf(t, `{"sub":"bob","scope":"b"}`),
	}}
}

// then returns a handler that calls next with the request that step returns.
func then(step func(r *http.Request) *http.Request, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, step(r)) })
}

func authorization(value string) func(r *http.Request) *http.Request {
	return func(r *http.Request) *http.Request {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", value)
		return r
	}
}

func inContext(edit func(context.Context) context.Context) func(r *http.Request) *http.Request {
	return func(r *http.Request) *http.Request { return r.WithContext(edit(r.Context())) }
}

func TestVerifiedOnce(t *testing.T) {
	verifier := newBank(t)
	auth := newAuth(t, verifier)
	h := auth.Handler(auth.RequireScopes("a")(auth.Optional(auth.Handler(whoami))))
	assert.Equal(t, "subject alice", serve(t, h, get("Bearer alice")).Body)
	assert.Equal(t, 1, verifier.asked)

	assert.Equal(t, "subject alice", serve(t, h, get("Bearer alice")).Body)
	assert.Equal(t, 2, verifier.asked, "the next request is verified again")
}

func TestVerifiedAfresh(t *testing.T) {
	for _, tt := range []struct {
		rule string
		step func(r *http.Request) *http.Request
		want any
	}{
		{"another token", authorization("Bearer bob"), "subject bob"},
		{"a bad token", authorization("Bearer mallory"), 401},
		{"a prefix of the token", authorization("Bearer alic"), 401},
		{"no token", func(r *http.Request) *http.Request { r.Header = http.Header{}; return r }, 401},
		{"a second field", func(r *http.Request) *http.Request {
			r.Header = http.Header{"Authorization": {"Bearer alice", "Bearer bob"}}
			return r
		}, 400},
		{"the same token, spelled differently", authorization("bearer alice"), "subject alice"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			verifier := newBank(t)
			auth := newAuth(t, verifier)
			a := serve(t, auth.Handler(then(tt.step, auth.Handler(whoami))), get("Bearer alice"))
			if status, refused := tt.want.(int); refused {
				assert.Equal(t, status, a.Status)
				return
			}
			assert.Equal(t, tt.want, a.Body)
			assert.Equal(t, 2, verifier.asked)
		})
	}

	t.Run("another Middleware", func(t *testing.T) {
		verifier := newBank(t)
		outer, inner := newAuth(t, newBank(t)), newAuth(t, verifier)
		assert.Equal(t, "subject alice", serve(t, outer.Handler(inner.Handler(whoami)), get("Bearer alice")).Body)
		assert.Equal(t, 1, verifier.asked)

		delete(verifier.claims, "alice")
		assert.Equal(t, 401, serve(t, outer.Handler(inner.Handler(whoami)), get("Bearer alice")).Status)
	})
	t.Run("another Middleware between", func(t *testing.T) {
		verifier := newBank(t)
		outer, inner := newAuth(t, verifier), newAuth(t, newBank(t))
		h := outer.Handler(inner.Handler(outer.Handler(whoami)))
		assert.Equal(t, "subject alice", serve(t, h, get("Bearer alice")).Body)
		assert.Equal(t, 2, verifier.asked)
	})
	t.Run("proofs, if the request was let through without any", func(t *testing.T) {
		verifier := newBank(t)
		guard := newAuth(t, verifier).GuardAuthenticated()
		plain := middleware.Request{Authorization: []string{"Bearer alice"}}
		proven := middleware.Request{Authorization: plain.Authorization, Proofs: []claims.Proof{proof{}}}
		ctx, err := guard.Authenticate(t.Context(), plain)
		require.NoError(t, err)
		_, err = guard.Authenticate(ctx, proven)
		require.NoError(t, err)
		assert.Equal(t, 2, verifier.asked)
	})
}

type proof struct{}

func (proof) Member() string                                { return "jkt" }
func (proof) Confirm(context.Context, string, []byte) error { return nil }

// Config.Verifier gets proofs that ask those of the request.
func TestProofsReachTheVerifier(t *testing.T) {
	var got []claims.Proof
	auth := newAuth(t, verifierFunc(func(_ context.Context, _ string, proofs ...claims.Proof) (*claims.Claims, error) {
		got = proofs
		return nil, claims.ErrConfirmation
	}))
	_, err := auth.GuardAuthenticated().Authenticate(t.Context(), middleware.Request{
		Authorization: []string{"Bearer x"}, Proofs: []claims.Proof{proof{}},
	})
	assert.ErrorIs(t, err, claims.ErrConfirmation)
	require.Len(t, got, 1)
	assert.Equal(t, "jkt", got[0].Member())
	assert.NoError(t, got[0].Confirm(t.Context(), "x", nil))
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got[0]), `"x"`, "it remembers the token")
}

func TestPoliciesAreAskedEveryTime(t *testing.T) {
	asked := 0
	policy := middleware.PolicyFunc(func(ctx context.Context, c *claims.Claims) error {
		asked++
		seen, _ := claims.FromContext(ctx)
		assert.Same(t, c, seen, "a policy finds the same claims in its context")
		return nil
	})
	auth := newAuth(t, newBank(t))
	h := auth.Handler(auth.Require(policy)(auth.Require(policy, policy)(whoami)))
	assert.Equal(t, "subject alice", serve(t, h, get("Bearer alice")).Body)
	assert.Equal(t, 3, asked)

	h = auth.Handler(auth.RequireScopes("b")(whoami))
	assert.Equal(t, http.StatusForbidden, serve(t, h, get("Bearer alice")).Status, "a verified token is not an authorized one")
}

// A handler finds the claims of the innermost Middleware, and no other claims.
func TestClaimsInTheContext(t *testing.T) {
	forged := claimsOf(t, `{"sub":"mallory"}`)
	put := func(c *claims.Claims) func(*http.Request) *http.Request {
		return inContext(func(ctx context.Context) context.Context { return claims.NewContext(ctx, c) })
	}
	auth, other := newAuth(t, newBank(t)), newAuth(t, newBank(t))
	anonymous := func(r *http.Request) *http.Request { r.Header = http.Header{}; return r }
	for _, tt := range []struct {
		rule  string
		h     http.Handler
		field string
		want  string
	}{
		{"of the token, not those of an outer handler", then(put(forged), auth.Handler(whoami)), "Bearer alice", "subject alice"},
		{"of the token, if it was verified before", auth.Handler(then(put(forged), auth.Handler(whoami))), "Bearer alice", "subject alice"},
		{"of the token, if its claims were masked", auth.Handler(then(put(nil), auth.Handler(whoami))), "Bearer alice", "subject alice"},
		{"of the inner token", auth.Handler(then(authorization("Bearer bob"), other.Handler(whoami))), "Bearer alice", "subject bob"},
		{"Optional masks those of an outer handler", then(put(forged), auth.Optional(whoami)), "", "anonymous"},
		{"Optional masks its own", auth.Handler(then(anonymous, auth.Optional(whoami))), "Bearer alice", "anonymous"},
		{"Optional masks another's", other.Handler(then(anonymous, auth.Optional(whoami))), "Bearer alice", "anonymous"},
		{"Optional without anything to mask", auth.Optional(whoami), "", "anonymous"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			assert.Equal(t, tt.want, serve(t, tt.h, get(tt.field)).Body)
		})
	}
	t.Run("what Optional has masked is not remembered", func(t *testing.T) {
		verifier := newBank(t)
		auth := newAuth(t, verifier)
		inner := then(anonymous, auth.Optional(then(authorization("Bearer alice"), auth.Handler(whoami))))
		assert.Equal(t, "subject alice", serve(t, auth.Handler(inner), get("Bearer alice")).Body)
		assert.Equal(t, 2, verifier.asked)
		assert.Equal(t, "subject alice", serve(t, auth.Handler(then(put(nil), inner)), get("Bearer alice")).Body)
		assert.Equal(t, 4, verifier.asked, "also if another handler has masked the claims before")
	})
}

func TestGuardOptionalDiffersOnlyWithoutAToken(t *testing.T) {
	var out bytes.Buffer
	auth := newAuth(t, newBank(t), logTo(&out, slog.LevelDebug))
	optional, required := auth.GuardOptional(), auth.GuardAuthenticated()
	forged := claims.NewContext(t.Context(), claimsOf(t, `{"sub":"mallory"}`))
	for _, fields := range [][]string{nil, {""}, {"Basic YTpi"}} {
		ctx, err := optional.Authenticate(forged, middleware.Request{Authorization: fields})
		require.NoError(t, err)
		_, found := claims.FromContext(ctx)
		assert.False(t, found, "claims of an outer handler are masked")
	}
	assert.Empty(t, out.String(), "nothing was refused")
	r := get()
	allowed, err := optional.Check(r)
	require.NoError(t, err)
	assert.Same(t, r, allowed, "nothing to mask")

	for _, fields := range [][]string{{"Bearer"}, {"Bearer mallory"}, {"Bearer alice", "Bearer alice"}, {"", "Bearer alice"}} {
		request := middleware.Request{Authorization: fields}
		_, want := required.Authenticate(t.Context(), request)
		_, err := optional.Authenticate(t.Context(), request)
		assert.Error(t, err)
		assert.Equal(t, want, err, fields)
	}
	ctx, err := optional.Authenticate(t.Context(), middleware.Request{Authorization: []string{"Bearer alice"}})
	require.NoError(t, err)
	c, _ := claims.FromContext(ctx)
	assert.Equal(t, "alice", c.Subject())
}

// A Verifier may call another API, and return the error of that API's Middleware.
func TestGuardOptionalIsNotOpenedByAVerifiersError(t *testing.T) {
	for _, other := range []error{&middleware.Error{Status: http.StatusUnauthorized}, middleware.ErrNoToken} {
		require.ErrorIs(t, other, middleware.ErrNoToken)
		_, err := newAuth(t, refusing(other)).GuardOptional().Check(get("Bearer x"))
		assert.ErrorIs(t, err, claims.ErrRejected)
	}
}

// A list of policies from a configuration may be empty. That must not be an open door.
func TestC9GuardWithoutPoliciesIsAMistake(t *testing.T) {
	auth := newAuth(t, newBank(t))
	var configured []middleware.Policy
	assert.PanicsWithValue(t, "middleware: Guard needs at least one policy; GuardAuthenticated demands a token only",
		func() { auth.Guard(configured...) })

	guard := auth.GuardAuthenticated()
	for _, token := range []string{"alice", "bob"} {
		_, err := guard.Check(get("Bearer " + token))
		assert.NoError(t, err, token)
	}
	_, err := guard.Check(get("Bearer mallory"))
	assert.ErrorIs(t, err, claims.ErrSignature)
	_, err = guard.Check(get())
	assert.ErrorIs(t, err, middleware.ErrNoToken)
}

func TestCheckWritesNothingAndChangesNothing(t *testing.T) {
	guard := newAuth(t, newBank(t)).Guard(middleware.AllScopes("a"))
	r := get("Bearer alice")
	allowed, err := guard.Check(r)
	require.NoError(t, err)
	_, ok := claims.FromContext(r.Context())
	assert.False(t, ok, "the given request is unchanged")
	c, ok := claims.FromContext(allowed.Context())
	assert.True(t, ok)
	assert.Equal(t, "alice", c.Subject())

	again, err := guard.Check(allowed)
	require.NoError(t, err)
	assert.Same(t, allowed, again, "nothing to add")

	refused, err := guard.Check(get("Bearer bob"))
	assert.Nil(t, refused)
	var e *middleware.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, &middleware.Error{
		Status: 403, Code: "insufficient_scope", Reason: claims.ErrForbidden, Scopes: []string{"a"}, Err: e.Err,
	}, err)
	_, err = guard.Check(get("Bearer mallory"))
	assert.Equal(t, &middleware.Error{
		Status: 401, Code: "invalid_token", Reason: claims.ErrSignature, Scopes: []string{"a"}, Err: claims.ErrSignature,
	}, err)
	_, err = guard.Check(get())
	assert.Equal(t, &middleware.Error{Status: 401, Scopes: []string{"a"}}, err)
}

func TestAuthenticateWithoutHTTP(t *testing.T) {
	guard := newAuth(t, newBank(t)).Guard(middleware.AllScopes("a"))
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	ctx, err := guard.Authenticate(parent, middleware.Request{Authorization: []string{"Bearer alice"}})
	require.NoError(t, err)
	c, ok := claims.FromContext(ctx)
	assert.True(t, ok)
	assert.Equal(t, "alice", c.Subject())
	assert.Equal(t, "kept", ctx.Value(key{}))
	child, stop := context.WithCancel(ctx)
	defer stop()
	cancel()
	assert.ErrorIs(t, ctx.Err(), context.Canceled)
	<-child.Done()

	ctx, err = guard.Authenticate(t.Context(), middleware.Request{})
	assert.Nil(t, ctx, "a handler cannot use it by mistake")
	assert.Error(t, err)
}

// The order of RFC 6750 section 3.1: scopes matter only for a valid token.
func TestAnInvalidTokenThatLacksScopesIsInvalid(t *testing.T) {
	asked := 0
	policy := middleware.PolicyFunc(func(context.Context, *claims.Claims) error {
		asked++
		return errors.New("no")
	})
	for _, err := range []error{claims.ErrExpired, claims.ErrSignature, claims.ErrKeysUnavailable} {
		auth := newAuth(t, refusing(err))
		a := serve(t, auth.Require(policy, middleware.AllScopes("a"))(whoami), get("Bearer x"))
		assert.NotEqual(t, http.StatusForbidden, a.Status)
		assert.Zero(t, asked)
	}
}

// A Verifier that does not keep its contract lets no request through.
func TestVerifierThatBreaksItsContract(t *testing.T) {
	c := claimsOf(t, `{"sub":"mallory"}`)
	for rule, tt := range map[string]struct {
		claims *claims.Claims
		err    error
		status int
	}{
		"claims and an error":         {c, claims.ErrExpired, http.StatusUnauthorized},
		"claims and an outage":        {c, claims.ErrUnavailable, http.StatusServiceUnavailable},
		"neither claims nor an error": {nil, nil, http.StatusServiceUnavailable},
	} {
		t.Run(rule, func(t *testing.T) {
			auth := newAuth(t, verifierFunc(func(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
				return tt.claims, tt.err
			}))
			for _, h := range []http.Handler{auth.Handler(whoami), auth.Optional(whoami), auth.Require(allow())(whoami)} {
				assert.Equal(t, tt.status, serve(t, h, get("Bearer x")).Status)
			}
		})
	}
}

func TestMiddlewareThatNewDidNotMake(t *testing.T) {
	var missing *middleware.Middleware
	for rule, declare := range map[string]func(){
		"nil":      func() { missing.Handler(whoami) },
		"zero":     func() { new(middleware.Middleware).RequireScopes("a") },
		"optional": func() { missing.GuardOptional() },
		"guard":    func() { missing.Guard(allow()) },
	} {
		t.Run(rule, func(t *testing.T) { assert.Panics(t, declare, "at set-up, and not only with the first request") })
	}
}

// The handler of a Guard is that of Require, for what declares its routes as Guards.
func TestHandlerOfAGuard(t *testing.T) {
	auth := newAuth(t, newBank(t))
	guarded := auth.Guard(middleware.AllScopes("a")).Handler(whoami)
	required := auth.Require(middleware.AllScopes("a"))(whoami)
	for _, token := range []string{"Bearer alice", "Bearer bob", "Bearer none", "Bearer a b", "Basic alice"} {
		assert.Equal(t, serve(t, required, get(token)), serve(t, guarded, get(token)), token)
	}
	assert.Equal(t, "subject alice", serve(t, guarded, get("Bearer alice")).Body)
	assert.Equal(t, "anonymous", serve(t, auth.GuardOptional().Handler(whoami), get()).Body)
	assert.Panics(t, func() { auth.GuardAuthenticated().Handler(nil) })
	assert.Panics(t, func() { new(middleware.Guard).Handler(whoami) }, "no Middleware has made it")
	assert.Panics(t, func() { (*middleware.Guard)(nil).Handler(whoami) })
}

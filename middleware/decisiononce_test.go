package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A handler can ask for several decisions at the same time, as resolvers of GraphQL do. None is
// taken for a part of another one.
func TestAuthorizeInGoroutinesIsObserved(t *testing.T) {
	var seen observer
	auth := newAuth(t, accepting(t, `{"sub":"alice"}`), seen.attach)
	auth.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked, proceed, ended := make(chan bool), make(chan bool), make(chan bool)
		slow := middleware.PolicyFunc(func(context.Context, *claims.Claims) error {
			close(asked)
			<-proceed
			return nil
		})
		go func() {
			defer close(ended)
			assert.NoError(t, middleware.Authorize(r.Context(), slow))
		}()
		<-asked
		assert.Error(t, middleware.Authorize(r.Context(), middleware.AllScopes("other")))
		close(proceed)
		<-ended
	})).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, []string{"ok", "forbidden forbidden, nested", "ok, nested"}, seen.take())
}

// A handler can ask for two decisions before it answers with the first one.
func TestRefuseOfAnEarlierDecisionIsNotObserved(t *testing.T) {
	var seen observer
	auth := newAuth(t, accepting(t, `{"sub":"alice"}`), seen.attach)
	auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := middleware.Authorize(r.Context(), middleware.AllScopes("a"))
		assert.Error(t, middleware.Authorize(r.Context(), middleware.AllScopes("b")))
		auth.Refuse(w, r, first)
	})).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, []string{"ok", "forbidden forbidden, nested", "forbidden forbidden, nested"}, seen.take())
}

// The end of a stream is observed on a goroutine where a panic would end the process. The stream
// ends all the same.
func TestAPanicOfObserveEndsTheStreamOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var revoked atomic.Bool
		c := claimsOf(t, `{"sub":"alice"}`)
		v := verifierFunc(func(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
			if revoked.Load() {
				return nil, claims.ErrRevoked
			}
			return c, nil
		})
		auth := newAuth(t, v, func(c *middleware.Config) {
			c.Observe = func(_ context.Context, d middleware.Decision) {
				if d.Error != nil {
					panic("a bug")
				}
			}
		})
		r, err := auth.GuardAuthenticated().Check(get("Bearer " + goodToken))
		require.NoError(t, err)
		ctx, stop := auth.UntilExpiry(r.Context())
		defer stop()
		revoked.Store(true)
		<-ctx.Done()
		assert.ErrorIs(t, context.Cause(ctx), claims.ErrRevoked)
	})
}

// A policy can call a protected handler, whose decisions are its own.
func TestDecisionsOfAHandlerWithinAPolicy(t *testing.T) {
	var seen observer
	c := accepting(t, `{"sub":"alice"}`)
	inner := newAuth(t, c, seen.attach).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Error(t, middleware.Authorize(r.Context(), middleware.AllScopes("a")))
	}))
	asking := middleware.PolicyFunc(func(ctx context.Context, _ *claims.Claims) error {
		assert.NotContains(t, fmt.Sprintf("%v %+v", ctx, ctx), goodToken)
		inner.ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken).WithContext(ctx))
		return nil
	})
	newAuth(t, c).Require(asking)(whoami).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, []string{"ok", "forbidden forbidden, nested"}, seen.take())
}

// Nested says that this Middleware has let the request through, also with another one between.
func TestNestedWithAnotherMiddlewareBetween(t *testing.T) {
	var seen observer
	c := accepting(t, `{"sub":"alice"}`)
	auth, between := newAuth(t, c, seen.attach), newAuth(t, c)
	auth.Handler(between.Handler(auth.Handler(whoami))).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, []string{"ok", "ok, nested"}, seen.take())

	auth.Handler(between.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth.Refuse(w, r, claims.ErrForbidden)
	}))).ServeHTTP(httptest.NewRecorder(), get("Bearer "+goodToken))
	assert.Equal(t, []string{"ok", "forbidden forbidden, nested"}, seen.take())
}

// The claims in a context can be of another Middleware, or of the application, and an error can
// have an Issuer method of its own.
func TestNoOtherIssuerGetsIntoADecision(t *testing.T) {
	var seen observer
	auth := trusting(t, jwkstest.NewIssuer(jwkstest.Config{}), seen.attach)
	refuse := func(r *http.Request, err error) { auth.Refuse(httptest.NewRecorder(), r, err) }
	hostile := claims.NewContext(t.Context(), claimsOf(t, `{"iss":"https://evil.example/"}`))
	refuse(get().WithContext(hostile), claims.ErrForbidden)
	refuse(get(), talkative{})
	require.Len(t, seen.seen, 2)
	assert.Empty(t, seen.seen[0].Issuer)
	assert.Empty(t, seen.seen[1].Issuer)
}

// A handler may check a request again for hours, also one without a token.
func TestAnonymousRequestsAreRememberedOnce(t *testing.T) {
	for rule, edit := range map[string]func(*middleware.Config){
		"observed": func(c *middleware.Config) { c.Observe = func(context.Context, middleware.Decision) {} },
		"masked":   func(*middleware.Config) {},
	} {
		guard := newAuth(t, accepting(t, `{}`), edit).GuardOptional()
		r := get()
		r = r.WithContext(claims.NewContext(r.Context(), claimsOf(t, `{"sub":"mallory"}`)))
		first, err := guard.Check(r)
		require.NoError(t, err)
		again, err := guard.Check(first)
		require.NoError(t, err)
		assert.Same(t, first, again, rule)
		_, found := claims.FromContext(again.Context())
		assert.False(t, found, rule)
	}
}

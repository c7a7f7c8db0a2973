package middlewaretest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

// An adapter for a transport without HTTP needs only a Guard and its Answer.
func TestGuard(t *testing.T) {
	middlewaretest.RunCalls(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) middlewaretest.Call {
		guards := make(map[string][]*middleware.Guard)
		for _, route := range routes {
			for _, layer := range route.Layers {
				guards[route.Name] = append(guards[route.Name], guardOf(auth, layer))
			}
		}
		return func(route middlewaretest.Route, authorization, proofs []string) (middlewaretest.Answer, error) {
			ctx, request := t.Context(), middleware.Request{
				Authorization: authorization, DPoP: proofs, Method: route.Method, Target: route.Path,
			}
			for _, guard := range guards[route.Name] {
				var err error
				if ctx, err = guard.Authenticate(ctx, request); err != nil {
					return answerTo(auth, err), nil
				}
			}
			return served(ctx, route), nil
		}
	})
}

func guardOf(auth *middleware.Middleware, layer middlewaretest.Layer) *middleware.Guard {
	switch {
	case layer.Optional:
		return auth.GuardOptional()
	case len(layer.Policies) == 0:
		return auth.GuardAuthenticated()
	}
	return auth.Guard(layer.Policies...)
}

func served(ctx context.Context, route middlewaretest.Route) middlewaretest.Answer {
	c, ok := claims.FromContext(ctx)
	return middlewaretest.Answer{Status: http.StatusOK, Body: route.Serve(ctx, c, ok)}
}

func answerTo(auth *middleware.Middleware, err error) middlewaretest.Answer {
	answer := auth.Answer(err)
	return middlewaretest.Answer{
		Status:     answer.Status,
		Challenge:  strings.Join(answer.Challenges, "\n"),
		DPoPNonce:  answer.DPoPNonce,
		RetryAfter: answer.RetryAfter,
	}
}

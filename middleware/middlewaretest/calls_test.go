package middlewaretest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

// A transport without HTTP rests on Guard.Authenticate alone.
func TestGuardAlone(t *testing.T) {
	middlewaretest.RunCalls(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) middlewaretest.Call {
		guards := make(map[string][]*middleware.Guard)
		for _, route := range routes {
			for _, layer := range route.Layers {
				guards[route.Name] = append(guards[route.Name], auth.Guard(layer.Policies...))
			}
		}
		return func(route middlewaretest.Route, authorization []string) (middlewaretest.Answer, error) {
			ctx := t.Context()
			for n, guard := range guards[route.Name] {
				next, err := guard.Authenticate(ctx, authorization)
				if err != nil && !(route.Layers[n].Optional && withoutToken(err)) {
					return answerTo(auth, err), nil
				}
				if err == nil {
					ctx = next
				}
			}
			return served(ctx, route), nil
		}
	})
}

func withoutToken(err error) bool {
	var e *middleware.Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && e.Code == ""
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
		RetryAfter: answer.RetryAfter,
	}
}

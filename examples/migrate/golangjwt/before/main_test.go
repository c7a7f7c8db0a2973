package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

func TestAnswers(t *testing.T) {
	requests.Before(t, requests.GolangJWT, func(ctx context.Context, w *requests.World) (http.Handler, error) {
		return newHandler(ctx, w.URL(), w.JWKSURL(), requests.Audience)
	})
}

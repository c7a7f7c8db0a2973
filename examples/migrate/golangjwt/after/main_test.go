package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

func TestAnswers(t *testing.T) {
	requests.After(t, requests.GolangJWT, func(_ context.Context, w *requests.World) (http.Handler, error) {
		return newHandler(w.URL(), requests.Audience)
	})
}

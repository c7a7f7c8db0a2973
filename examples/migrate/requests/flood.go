package requests

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// FloodTokens is how many tokens with made-up key ids a program gets after its first good
// one.
const FloodTokens = 20

// Fetches are the requests for the key set that this flood causes, at most. There can be fewer:
// go-oidc can join a fetch that is about to end. OurFetches is the same for bearerguard.
var Fetches = map[Library]int{Auth0: 0, GolangJWT: 1, GoOIDC: FloodTokens, JWX: 0, JWTAuth: 0, EchoJWT: 1}

const OurFetches = 3

func compareFetches(t *testing.T, program Program, least, most int) {
	t.Helper()
	w := newWorld(t)
	handler, err := program(t.Context(), w)
	require.NoError(t, err)
	require.Equal(t, "200 alice", answer(handler, get("/me", w.bearer(nil))))
	before := w.Count(jwkstest.JWKS)
	for i := range FloodTokens {
		made := w.bearer(nil, jwkstest.Header("kid", "made-up-"+strconv.Itoa(i)))
		answer(handler, get("/me", made))
	}
	fetches := w.Count(jwkstest.JWKS) - before
	assert.True(t, least <= fetches && fetches <= most, "%d fetches", fetches)
}
